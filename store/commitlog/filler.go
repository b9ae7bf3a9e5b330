package commitlog

import (
	"encoding/binary"
	"io"

	"pairmq/hal/disk"
)

// A filler takes the rest of a segment: be32 rest, be32 fillerMagic. The rest
// may be longer than the eight bytes that are written.
const (
	fillerSize  = 8
	fillerMagic = 0xCBD43194
)

// putFiller writes a filler of rest bytes to the front of p.
func putFiller(p []byte, rest int64) {
	binary.BigEndian.PutUint32(p, uint32(rest))
	binary.BigEndian.PutUint32(p[4:], fillerMagic)
}

// isFiller says whether b starts with a filler of exactly rest bytes.
func isFiller(b []byte, rest int64) bool {
	return len(b) >= fillerSize && int64(binary.BigEndian.Uint32(b)) == rest && binary.BigEndian.Uint32(b[4:]) == fillerMagic
}

// dropFiller erases the filler of a retired segment. Unlike a record it does not
// say where it belongs: recovery would take it for a new one if the log ended
// just there.
func (l *Log) dropFiller(name string) error {
	f, err := l.opts.FS.Open(name)
	if err != nil {
		return err
	}
	at, err := lastFiller(f, l.opts.SegmentSize)
	if err == nil && at >= 0 {
		_, err = f.WriteAt(make([]byte, fillerSize), at)
	}
	if err == nil {
		err = f.Datasync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// lastFiller is where the last filler of a whole segment lies, or -1. What lies
// behind it is older than it: had there been another one, it would have been
// erased when the segment was used again.
func lastFiller(f disk.File, size int64) (int64, error) {
	buf := make([]byte, min(64<<10, size))
	for end := size; end >= fillerSize; {
		base := max(0, end-int64(len(buf)))
		b := buf[:end-base]
		if n, err := f.ReadAt(b, base); n < len(b) {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return -1, err
		}
		for at := len(b) - fillerSize; at >= 0; at-- {
			if isFiller(b[at:], size-base-int64(at)) {
				return base + int64(at), nil
			}
		}
		if base == 0 {
			break
		}
		end = base + fillerSize - 1 // one that lies across the edge
	}
	return -1, nil
}
