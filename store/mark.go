package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The mark of a clean stop, big-endian:
//
//	0 ...... 8 ........ 12
//	log end   CRC-32 (IEEE) of the last 64 KiB before it, in its segment
const markSize = 12

// markTail is how much of the log the mark's checksum covers, in bytes.
const markTail = 64 << 10

func appendMark(dst []byte, end int64, sum uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(dst, uint64(end)), sum)
}

// parseMark reads a mark; ok is false if b is none.
func parseMark(b []byte) (end int64, sum uint32, ok bool) {
	if len(b) != markSize {
		return 0, 0, false
	}
	end = int64(binary.BigEndian.Uint64(b))
	return end, binary.BigEndian.Uint32(b[8:]), end >= 0
}

// tailSum sums up the log's bytes before end, as the mark has it. It reads the
// segment's file: before recovery the log does not know how far it reaches.
func (s *Store) tailSum(end int64) (uint32, error) {
	begin := max(end-1, 0) / s.opts.SegmentSize * s.opts.SegmentSize
	from := max(begin, end-markTail)
	if from == end {
		return 0, nil
	}
	f, err := s.opts.FS.Open(fmt.Sprintf("%s/%020d", commitLogDir, begin))
	if err != nil {
		return 0, err
	}
	b := make([]byte, end-from)
	_, err = f.ReadAt(b, from-begin)
	return crc32.ChecksumIEEE(b), errors.Join(err, f.Close())
}
