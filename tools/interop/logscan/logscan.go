// Package logscan reads a commit log's files while nobody writes them, to see
// what a broker left behind, and to damage it in chosen places.
//
// A segment is named by its first physical offset in 20 digits. Records follow
// each other; filler or zeros end a segment.
package logscan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"pairmq/tools/interop/wire"
)

// A Log is a scanned commit log.
type Log struct {
	Records  []wire.Record
	End      int64 // physical offset behind the last record
	Segments []Segment
}

// A Segment is one file.
type Segment struct {
	Path  string
	First int64 // physical offset of its first byte
	Size  int64 // bytes
}

// Read scans the segments in dir from the oldest on, up to the first byte that
// does not belong to a record. A record that says another physical offset than
// its own does not belong to the log.
func Read(dir string) (Log, error) {
	segments, err := list(dir)
	if err != nil {
		return Log{}, err
	}
	l := Log{Segments: segments}
	for _, s := range segments {
		b, err := os.ReadFile(s.Path)
		if err != nil {
			return l, fmt.Errorf("logscan: %w", err)
		}
		if l.End != 0 && l.End != s.First {
			return l, nil // the log ended in the segment before
		}
		at := 0
		for at < len(b) {
			r, err := wire.DecodeRecord(b[at:])
			if errors.Is(err, wire.ErrBlank) {
				at = len(b)
				break
			}
			if err != nil || r.PhyOffset != s.First+int64(at) {
				break
			}
			l.Records = append(l.Records, r)
			at += r.Size
		}
		l.End = s.First + int64(at)
	}
	return l, nil
}

func list(dir string) ([]Segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("logscan: %w", err)
	}
	var all []Segment
	for _, e := range entries {
		first, err := strconv.ParseInt(e.Name(), 10, 64)
		if err != nil || len(e.Name()) != 20 {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("logscan: %w", err)
		}
		all = append(all, Segment{Path: filepath.Join(dir, e.Name()), First: first, Size: info.Size()})
	}
	slices.SortFunc(all, func(a, b Segment) int { return int(a.First - b.First) })
	return all, nil
}

// WriteAt overwrites bytes from a physical offset on, within one segment; what
// would lie behind the segment is dropped. It returns the number written.
func (l Log) WriteAt(b []byte, phyOffset int64) (int, error) {
	for _, s := range l.Segments {
		if phyOffset < s.First || phyOffset >= s.First+s.Size {
			continue
		}
		f, err := os.OpenFile(s.Path, os.O_WRONLY, 0)
		if err != nil {
			return 0, fmt.Errorf("logscan: %w", err)
		}
		n, err := f.WriteAt(b[:min(int64(len(b)), s.First+s.Size-phyOffset)], phyOffset-s.First)
		if err := errors.Join(err, f.Close()); err != nil {
			return n, fmt.Errorf("logscan: %w", err)
		}
		return n, nil
	}
	return 0, nil
}

// Cut loses everything from a physical offset on: the segment that holds it
// keeps its size and is zero from there, or ends there; later segments go.
func (l Log) Cut(phyOffset int64, truncate bool) error {
	for _, s := range l.Segments {
		var err error
		switch at := phyOffset - s.First; {
		case at <= 0:
			err = os.Remove(s.Path)
		case at < s.Size && truncate:
			err = os.Truncate(s.Path, at)
		case at < s.Size:
			_, err = l.WriteAt(make([]byte, s.Size-at), phyOffset)
		}
		if err != nil {
			return fmt.Errorf("logscan: cut %s: %w", s.Path, err)
		}
	}
	return nil
}
