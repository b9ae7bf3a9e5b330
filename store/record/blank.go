package record

import "encoding/binary"

// BlankSize is the least a filler takes: its own size and the magic code.
const BlankSize = 8

// AppendBlank appends the head of a filler of size bytes, of which it is the
// first eight; whatever the file held stays behind it.
func AppendBlank(dst []byte, size int) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	return binary.BigEndian.AppendUint32(dst, MagicBlank)
}

// Blank returns the size of the filler that b starts with. A filler ends where
// its segment does; one that says otherwise is no filler.
func Blank(b []byte) (size int, ok bool) {
	if len(b) < BlankSize || binary.BigEndian.Uint32(b[4:]) != MagicBlank {
		return 0, false
	}
	n := int32(binary.BigEndian.Uint32(b))
	return int(n), n >= BlankSize
}
