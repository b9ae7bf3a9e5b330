package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"pairmq/hal/disk"
)

// Names in the log's folder beside the segments.
const (
	recycleDir = "recycle"
	tmpSuffix  = ".tmp"
)

// list reads the folder and checks what it finds.
func (l *Log) list() ([]*segment, error) {
	entries, err := l.readDir(l.opts.Dir)
	if err != nil {
		return nil, err
	}
	var segs []*segment
	for _, e := range entries {
		base, ok := parseName(e.Name)
		if !ok || e.Dir {
			if e.Name != recycleDir && !strings.HasSuffix(e.Name, tmpSuffix) {
				l.log.Warn("the commit log's folder holds something else", "file", e.Name)
			}
			continue
		}
		if err := l.fits(segs, base, e); err != nil {
			return nil, err
		}
		segs = append(segs, l.newSegment(base))
	}
	spares, err := l.listSpares()
	l.keepSpares(spares)
	return segs, err
}

// fits checks that the file e can follow segs.
func (l *Log) fits(segs []*segment, base int64, e disk.Entry) error {
	size := l.opts.SegmentSize
	file := path.Join(l.opts.Dir, e.Name)
	switch {
	case base%size != 0:
		return fmt.Errorf("%w: %s does not start at a multiple of the segment size %d", ErrLayout, file, size)
	case e.Size != size:
		return fmt.Errorf("%w: %s has %d bytes, a segment has %d", ErrLayout, file, e.Size, size)
	case len(segs) > 0 && segs[len(segs)-1].end != base:
		return fmt.Errorf("%w: %s is missing before %s: there is a hole from offset %d on", ErrLayout,
			path.Join(l.opts.Dir, segmentName(segs[len(segs)-1].end)), file, segs[len(segs)-1].end)
	}
	return nil
}

// listSpares finds the retired segments that can be used again.
func (l *Log) listSpares() ([]int64, error) {
	entries, err := l.readDir(path.Join(l.opts.Dir, recycleDir))
	if err != nil {
		return nil, err
	}
	var spares []int64
	for _, e := range entries {
		if base, ok := parseName(e.Name); ok && !e.Dir && e.Size == l.opts.SegmentSize {
			spares = append(spares, base)
		} else {
			l.log.Warn("the recycle folder holds something else", "file", e.Name)
		}
	}
	return spares, nil
}

// readDir lists a folder; one that does not exist is empty.
func (l *Log) readDir(dir string) ([]disk.Entry, error) {
	entries, err := l.opts.FS.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("commitlog: list segments: %w", err)
	}
	return entries, nil
}

func (l *Log) newSegment(base int64) *segment {
	return &segment{base: base, end: base + l.opts.SegmentSize, name: path.Join(l.opts.Dir, segmentName(base))}
}

// find is the segment that holds offset off, or nil.
func (l *Log) find(off int64) *segment {
	segs := *l.segments.Load()
	if len(segs) == 0 || off < segs[0].base {
		return nil
	}
	i := (off - segs[0].base) / l.opts.SegmentSize
	if i >= int64(len(segs)) {
		return nil
	}
	return segs[i]
}
