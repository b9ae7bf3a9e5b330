package index

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
)

// A key piece is a value of up to 64 KiB with part of a chunk's keys:
//
//	0 crc 4  of the chunk's start, the piece's number and what follows
//	4 pairs: hash of the key 4, offset of the record in the chunk 4
//
// All pairs of a chunk are sorted; the directory has each piece's first hash.
const (
	pairSize   = 8
	piecePairs = 64 << 10 / pairSize
)

type keyPieceSet struct {
	first  []uint32
	values [][]byte
}

// keyPieces sorts a chunk's keys and packs them. It leaves keys as they are:
// readers may be in them.
func keyPieces(keys []uint64, start int64) keyPieceSet {
	sorted := slices.Clone(keys)
	slices.Sort(sorted)
	var set keyPieceSet
	for pairs := range slices.Chunk(sorted, piecePairs) {
		value := make([]byte, 4, 4+len(pairs)*pairSize)
		for _, pair := range pairs {
			value = binary.BigEndian.AppendUint64(value, pair)
		}
		binary.BigEndian.PutUint32(value, pieceSum(value, start, len(set.values)))
		set.first = append(set.first, uint32(pairs[0]>>32))
		set.values = append(set.values, value)
	}
	return set
}

func pieceSum(value []byte, start int64, n int) uint32 {
	var head [12]byte
	binary.BigEndian.PutUint64(head[:], uint64(start))
	binary.BigEndian.PutUint32(head[8:], uint32(n))
	return crc32.Update(crc32.ChecksumIEEE(head[:]), crc32.IEEETable, value[4:])
}

// checkPiece returns the pairs of piece n of the chunk at start. It fails with
// ErrDamaged.
func checkKeyPiece(value []byte, start int64, n int) ([]byte, error) {
	if len(value) < 4 || (len(value)-4)%pairSize != 0 || binary.BigEndian.Uint32(value) != pieceSum(value, start, n) {
		return nil, fmt.Errorf("%w: %d bytes of keys in piece %d of the chunk at %d", ErrDamaged, len(value), n, start)
	}
	return value[4:], nil
}

// appendPairs appends the log offsets that pairs, sorted, has for hash.
func appendPairs(dst []int64, pairs []byte, hash uint32, start int64) []int64 {
	n := len(pairs) / pairSize
	low, high := 0, n
	for low < high {
		mid := (low + high) / 2
		if binary.BigEndian.Uint32(pairs[mid*pairSize:]) < hash {
			low = mid + 1
		} else {
			high = mid
		}
	}
	for ; low < n && binary.BigEndian.Uint32(pairs[low*pairSize:]) == hash; low++ {
		dst = append(dst, start+int64(binary.BigEndian.Uint32(pairs[low*pairSize+4:])))
	}
	return dst
}
