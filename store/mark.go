package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// The mark says what the next start may rely on, big-endian. While the store is
// open it is
//
//	0 ....... 8 ...... 12
//	crcSince   window
//
// without window in stores of the first versions, and after a clean stop
//
//	0 ....... 8 ...... 16 ...... 20
//	crcSince   log end   CRC-32 (IEEE) of the last 64 KiB before it, in its segment
//
// Every record at crcSince and behind has a checksum over all of itself: one that
// has none there was torn in its last bytes. window is how many bytes behind the
// last sync a power cut can have torn.
const (
	firstMarkSize = 8 // of an open store, too
	openMarkSize  = 12
	cleanMarkSize = 20
)

// noCRC is the crcSince of a log whose records need not have one.
const noCRC = math.MaxInt64

// A mark is what the two forms say.
type mark struct {
	crcSince int64
	window   int64 // bytes, if not clean; 0 means not known
	clean    bool
	end      int64 // if clean
	sum      uint32
}

func (m mark) appendTo(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.crcSince))
	if m.clean {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(dst, uint64(m.end)), m.sum)
	}
	return binary.BigEndian.AppendUint32(dst, uint32(min(m.window, math.MaxUint32)))
}

// parseMark reads a mark; what is none says nothing.
func parseMark(b []byte) mark {
	none := mark{crcSince: noCRC}
	if len(b) < firstMarkSize {
		return none
	}
	m := mark{crcSince: int64(binary.BigEndian.Uint64(b))}
	switch len(b) {
	case firstMarkSize:
	case openMarkSize:
		m.window = int64(binary.BigEndian.Uint32(b[8:]))
	case cleanMarkSize:
		m.clean, m.end, m.sum = true, int64(binary.BigEndian.Uint64(b[8:])), binary.BigEndian.Uint32(b[16:])
	default:
		return none
	}
	if m.crcSince < 0 || m.end < 0 {
		return none
	}
	return m
}

// markTail is how much of the log the mark's checksum covers, in bytes.
const markTail = 64 << 10

// tailSum sums up the log's bytes before end, as the mark has it. It reads the
// segment's file: before recovery the log does not know how far it reaches.
func (s *Store) tailSum(end int64) (uint32, error) {
	begin := max(end-1, 0) / s.opts.SegmentSize * s.opts.SegmentSize
	from := max(begin, end-markTail)
	if from == end {
		return 0, nil
	}
	b := make([]byte, end-from)
	err := s.readFile(b, from)
	return crc32.ChecksumIEEE(b), err
}

// readFile fills b from off on with what the file of the segment has, which reaches
// so far.
func (s *Store) readFile(b []byte, off int64) error {
	begin := off - off%s.opts.SegmentSize
	f, err := s.opts.FS.Open(fmt.Sprintf("%s/%020d", commitLogDir, begin))
	if err != nil {
		return err
	}
	_, err = f.ReadAt(b, off-begin)
	return errors.Join(err, f.Close())
}
