package index

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A directory is the first value of a chunk and says what else is in it:
//
//	 0 crc     4  of the chunk's start and of all that follows
//	 4 version 4  1
//	 8 prev    8  log offset where the chunk before ended
//	16 end     8  log offset behind the chunk's last record
//	24 oldest  8  store timestamp, ms
//	32 newest  8  store timestamp, ms
//	40 records 4
//	44 runs    4  then per run: queue reference 4, first queue offset 8, units 4,
//	              piece 4 and offset in it 4 of its block
//	48 pieces  4  then per piece of keys: its first hash 4
//
// With it a start reads one page per chunk instead of all blocks, and sees that
// no chunk is missing.
type directory struct {
	prev, end      int64
	oldest, newest int64
	records        uint32
	runs           []directoryRun // by ref, then first
	pieces         []uint32
}

type directoryRun struct {
	ref   uint32
	first int64
	count uint32
	piece uint32
	at    uint32
}

const (
	directoryVersion = 1
	directoryHeader  = 52
	directoryRunSize = 24
)

func (d *directory) appendTo(dst []byte, start int64) []byte {
	be := binary.BigEndian
	at := len(dst)
	dst = be.AppendUint32(dst, 0)
	dst = be.AppendUint32(dst, directoryVersion)
	dst = be.AppendUint64(dst, uint64(d.prev))
	dst = be.AppendUint64(dst, uint64(d.end))
	dst = be.AppendUint64(dst, uint64(d.oldest))
	dst = be.AppendUint64(dst, uint64(d.newest))
	dst = be.AppendUint32(dst, d.records)
	dst = be.AppendUint32(dst, uint32(len(d.runs)))
	dst = be.AppendUint32(dst, uint32(len(d.pieces)))
	for _, r := range d.runs {
		dst = be.AppendUint32(dst, r.ref)
		dst = be.AppendUint64(dst, uint64(r.first))
		dst = be.AppendUint32(dst, r.count)
		dst = be.AppendUint32(dst, r.piece)
		dst = be.AppendUint32(dst, r.at)
	}
	for _, hash := range d.pieces {
		dst = be.AppendUint32(dst, hash)
	}
	be.PutUint32(dst[at:], directoryCRC(dst[at:], start))
	return dst
}

func directoryCRC(b []byte, start int64) uint32 {
	var s [8]byte
	binary.BigEndian.PutUint64(s[:], uint64(start))
	return crc32.Update(crc32.ChecksumIEEE(s[:]), crc32.IEEETable, b[4:])
}

// decodeDirectory reads the directory of the chunk at start. It fails with
// ErrDamaged.
func decodeDirectory(b []byte, start int64) (directory, error) {
	if len(b) < directoryHeader {
		return directory{}, fmt.Errorf("%w: directory of %d bytes of the chunk at %d", ErrDamaged, len(b), start)
	}
	be := binary.BigEndian
	if directoryCRC(b, start) != be.Uint32(b) {
		return directory{}, fmt.Errorf("%w: directory of the chunk at %d", ErrDamaged, start)
	}
	d := directory{
		prev: int64(be.Uint64(b[8:])), end: int64(be.Uint64(b[16:])),
		oldest: int64(be.Uint64(b[24:])), newest: int64(be.Uint64(b[32:])), records: be.Uint32(b[40:]),
	}
	runs, pieces := int64(be.Uint32(b[44:])), int64(be.Uint32(b[48:]))
	if be.Uint32(b[4:]) != directoryVersion || d.end < start ||
		int64(len(b)) != directoryHeader+runs*directoryRunSize+pieces*4 {
		return directory{}, fmt.Errorf("%w: directory of %d bytes for %d runs and %d pieces of the chunk at %d", ErrDamaged, len(b), runs, pieces, start)
	}
	b = b[directoryHeader:]
	d.runs = make([]directoryRun, runs)
	for i := range d.runs {
		d.runs[i] = directoryRun{ref: be.Uint32(b), first: int64(be.Uint64(b[4:])), count: be.Uint32(b[12:]), piece: be.Uint32(b[16:]), at: be.Uint32(b[20:])}
		b = b[directoryRunSize:]
	}
	d.pieces = make([]uint32, pieces)
	for i := range d.pieces {
		d.pieces[i] = be.Uint32(b)
		b = b[4:]
	}
	return d, nil
}
