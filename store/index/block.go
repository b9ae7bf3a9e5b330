package index

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// A block holds one run of one queue: units of consecutive queue offsets. It
// looks the same in memory and in the file, big-endian:
//
//	 0 crc   4  of queue reference, chunk start and the 16 bytes that follow
//	 4 width 1  bytes of a unit, 12 or 16; three zeros
//	 8 count 4  units
//	12 first 8  queue offset of the first
//	20 pieces of 256 units, the last shorter: crc (4), then the units
//
// A piece's crc goes on from the header's, so that a piece in another's place
// does not pass. A unit is the record's offset in the chunk (4), its size (4),
// and its tags code: 4 bytes, sign-extended, or 8 where that is not enough,
// which is so for delayed messages.
const (
	blockHeader = 20
	pieceUnits  = 256
	pieceCRC    = 4
	narrow      = 12
	wide        = 16
)

// blockID says which block it is; a block that is another's fails its check.
type blockID struct {
	start int64 // of the chunk, in the log
	ref   uint32
	first int64
}

// unitWidth returns the width that code needs.
func unitWidth(code int64) int {
	if code == int64(int32(code)) {
		return narrow
	}
	return wide
}

// blockSize returns the bytes of a block of n units.
func blockSize(n, width int) int {
	return blockHeader + n*width + (n+pieceUnits-1)/pieceUnits*pieceCRC
}

// unitAt returns where unit i lies.
func unitAt(i, width int) int {
	return blockHeader + i*width + (i/pieceUnits+1)*pieceCRC
}

// appendUnit appends unit number n to block, whose chunk starts at start.
func appendUnit(block []byte, n, width int, start int64, u Unit) []byte {
	if n%pieceUnits == 0 {
		block = append(block, 0, 0, 0, 0)
	}
	be := binary.BigEndian
	block = be.AppendUint32(block, uint32(u.PhyOffset-start))
	block = be.AppendUint32(block, uint32(u.Size))
	if width == narrow {
		return be.AppendUint32(block, uint32(u.TagsCode))
	}
	return be.AppendUint64(block, uint64(u.TagsCode))
}

// decodeUnit reads the unit that b starts with.
func decodeUnit(b []byte, width int, start int64) Unit {
	be := binary.BigEndian
	u := Unit{PhyOffset: start + int64(be.Uint32(b)), Size: int32(be.Uint32(b[4:]))}
	if width == narrow {
		u.TagsCode = int64(int32(be.Uint32(b[8:])))
	} else {
		u.TagsCode = int64(be.Uint64(b[8:]))
	}
	return u
}

// finishBlock fills in header and checksums of a block of n units.
func finishBlock(block []byte, id blockID, n, width int) {
	be := binary.BigEndian
	block[4], block[5], block[6], block[7] = byte(width), 0, 0, 0
	be.PutUint32(block[8:], uint32(n))
	be.PutUint64(block[12:], uint64(id.first))
	head := blockCRC(block, id)
	be.PutUint32(block, head)
	for i := 0; i < n; i += pieceUnits {
		units := pieceOf(block, i, n, width)
		be.PutUint32(block[unitAt(i, width)-pieceCRC:], crc32.Update(head, crc32.IEEETable, units))
	}
}

func blockCRC(block []byte, id blockID) uint32 {
	var b [12 + 16]byte
	binary.BigEndian.PutUint32(b[:], id.ref)
	binary.BigEndian.PutUint64(b[4:], uint64(id.start))
	copy(b[12:], block[4:blockHeader])
	return crc32.ChecksumIEEE(b[:])
}

// pieceOf returns the units of the piece that begins with unit i, of n in all.
func pieceOf(block []byte, i, n, width int) []byte {
	return block[unitAt(i, width):][:min(pieceUnits, n-i)*width]
}

// checkBlock reads the header of the block that b begins with. It fails with
// ErrDamaged unless the block is id's and b has all of it.
func checkBlock(b []byte, id blockID) (n, width int, err error) {
	if len(b) < blockHeader {
		return 0, 0, fmt.Errorf("%w: block of %d bytes", ErrDamaged, len(b))
	}
	be := binary.BigEndian
	n64, width := int64(be.Uint32(b[8:])), int(b[4])
	switch {
	case blockCRC(b, id) != be.Uint32(b):
		return 0, 0, fmt.Errorf("%w: header of the block at queue offset %d", ErrDamaged, id.first)
	case width != narrow && width != wide, int64(be.Uint64(b[12:])) != id.first,
		n64*wide > math.MaxInt32, blockSize(int(n64), width) > len(b):
		return 0, 0, fmt.Errorf("%w: %d units of %d bytes in at most %d", ErrDamaged, n64, width, len(b))
	}
	return int(n64), width, nil
}

// readBlock copies units into dst, as many as the block has from unit i on. It
// compares the checksum of every piece that it touches.
func readBlock(block []byte, id blockID, i int, dst []Unit) (int, error) {
	n, width, err := checkBlock(block, id)
	if err != nil {
		return 0, err
	}
	if i < 0 || i >= n {
		return 0, fmt.Errorf("%w: block of %d units has no unit %d", ErrDamaged, n, i)
	}
	read := 0
	for read < len(dst) && i < n {
		piece := i / pieceUnits * pieceUnits
		if err := checkPiece(block, piece, n, width); err != nil {
			return read, err
		}
		end := min(piece+pieceUnits, n, i+len(dst)-read)
		for ; i < end; i++ {
			dst[read] = decodeUnit(block[unitAt(i, width):], width, id.start)
			read++
		}
	}
	return read, nil
}

func checkPiece(block []byte, piece, n, width int) error {
	head := binary.BigEndian.Uint32(block)
	want := binary.BigEndian.Uint32(block[unitAt(piece, width)-pieceCRC:])
	if got := crc32.Update(head, crc32.IEEETable, pieceOf(block, piece, n, width)); got != want {
		return fmt.Errorf("%w: units from %d on have checksum %08x, not %08x", ErrDamaged, piece, got, want)
	}
	return nil
}
