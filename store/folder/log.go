package folder

import (
	"fmt"
	"path"

	"pairmq/store"
	"pairmq/store/record"
)

// A Log is a commit log that may be damaged anywhere. It is for one goroutine.
type Log struct {
	size     int64 // bytes of a segment
	segments []segment
	end      int64 // where it is known to end; 0: where its last good record does
	least    int64 // it reached at least here once
	crcSince int64 // from here on every record has a checksum of all of itself
	limits   record.Limits
	read     func(s *segment, p []byte, off int64) (int, error) // off is one in the log
	found    []Finding                                          // by reading, not told yet

	buf []byte // the window
	at  int64  // offset of buf[0]
}

// A segment is one file of a log.
type segment struct {
	name string // below the store's folder
	base int64
	size int64 // bytes that there are
}

func (s *segment) end() int64 { return s.base + s.size }

// MaxRecord is the largest record that is believed, in bytes.
const MaxRecord = store.MaxRecord

// A Source is a log that is no folder.
type Source struct {
	Start, End     int64 // of what is there, in bytes; a record or a segment begins at Start
	SegmentSize    int64
	MaxRecord      int   // bytes; 0 means MaxRecord
	ChecksumsSince int64 // see store.Stop
	// Read reads at off: at least one byte, or an error. It may stop at the end of a
	// segment.
	Read func(p []byte, off int64) (int, error)
}

// NewLog returns the log that src reads.
func NewLog(src Source) *Log {
	l := &Log{size: src.SegmentSize, end: src.End, crcSince: src.ChecksumsSince, limits: limits(src.MaxRecord)}
	for at := src.Start; at < src.End; at = l.segmentEnd(at) {
		l.segments = append(l.segments, segment{name: segmentPath(at - at%l.size), base: at, size: l.segmentEnd(at) - at})
	}
	l.read = func(_ *segment, p []byte, off int64) (n int, err error) {
		for n < len(p) {
			k, err := src.Read(p[n:], off+int64(n))
			if err != nil {
				return n, err
			}
			n += k
		}
		return n, nil
	}
	return l
}

func limits(maxRecord int) record.Limits {
	if maxRecord == 0 {
		maxRecord = MaxRecord
	}
	return record.Limits{Record: maxRecord}
}

// SegmentSize is the size of the log's files in bytes; 0 if it has none.
func (l *Log) SegmentSize() int64 { return l.size }

// Start is the offset of the first byte that is there.
func (l *Log) Start() int64 {
	if len(l.segments) == 0 {
		return 0
	}
	return l.segments[0].base
}

// Limit is the offset behind the last byte that is there, be it log or room for it.
func (l *Log) Limit() int64 {
	switch n := len(l.segments); {
	case n == 0:
		return 0
	case l.end > 0:
		return l.end
	default:
		return l.segments[n-1].end()
	}
}

// segmentEnd is the end of the segment that holds the byte at off.
func (l *Log) segmentEnd(off int64) int64 { return off - off%l.size + l.size }

// limitOf is where the log can reach in s.
func (l *Log) limitOf(s *segment) int64 {
	if l.end > 0 {
		return min(s.end(), l.end)
	}
	return s.end()
}

// segmentPath is where the segment lies that begins at base.
func segmentPath(base int64) string { return path.Join(logDir, segmentName(base)) }

func segmentName(base int64) string { return fmt.Sprintf("%020d", base) }
