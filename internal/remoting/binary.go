package remoting

import (
	"encoding/binary"
	"fmt"
	"math"
)

// binaryFixed is the size of a binary header without remark and fields:
//
//	0 .... 2 ........ 3 ....... 5 ...... 9 .... 13 ............. 17 ..... 17+r ............. 21+r
//	code    language   version   opaque   flag   r (remark length) remark   e (fields length)  fields
//
// and each field is a key length (int16), the key, a value length (int32) and
// the value. Lengths are in bytes.
//
// Format: RocketMQ 4.9.7, remoting/protocol/RocketMQSerializable.
const binaryFixed = 21

// appendBinaryHeader appends c's header in RocketMQ's own form. Code and
// version are cut to 16 bits.
func appendBinaryHeader(dst []byte, c *Command) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(c.Code))
	dst = append(dst, byte(c.Language))
	dst = binary.BigEndian.AppendUint16(dst, uint16(c.Version))
	dst = binary.BigEndian.AppendUint32(dst, uint32(c.Opaque))
	dst = binary.BigEndian.AppendUint32(dst, uint32(c.Flag))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(c.Remark)))
	dst = append(dst, c.Remark...)
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	for i := range c.Fields {
		f := &c.Fields[i]
		if f.Value == "" || len(f.Key) > math.MaxInt16 {
			continue
		}
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(f.Key)))
		dst = append(dst, f.Key...)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(f.Value)))
		dst = append(dst, f.Value...)
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// decodeBinaryHeader fills c from header. It takes at most maxFields fields; a
// field with an empty value is absent, as it is to Java peers.
func decodeBinaryHeader(c *Command, header []byte, maxFields int) error {
	if len(header) < binaryFixed {
		return fmt.Errorf("%w: binary, %d bytes, want %d", ErrBadHeader, len(header), binaryFixed)
	}
	be := binary.BigEndian
	c.Code = int32(int16(be.Uint16(header)))
	c.Language = Language(header[2])
	c.Version = int32(int16(be.Uint16(header[3:])))
	c.Opaque = int32(be.Uint32(header[5:]))
	c.Flag = int32(be.Uint32(header[9:]))

	remark := uint64(be.Uint32(header[13:]))
	if remark > uint64(len(header)-binaryFixed) {
		return fmt.Errorf("%w: remark length %d in %d bytes", ErrBadHeader, remark, len(header))
	}
	fields := header[17+int(remark):]
	if n := be.Uint32(fields); uint64(n) != uint64(len(fields)-4) {
		return fmt.Errorf("%w: fields length %d, %d bytes are left", ErrBadHeader, n, len(fields)-4)
	}
	fields = fields[4:]
	n, err := countBinaryFields(fields)
	if err != nil {
		return err
	}
	if n > maxFields {
		return fmt.Errorf("%w: %d fields, at most %d", ErrBadHeader, n, maxFields)
	}
	text := string(header[17:]) // the one allocation that all strings share
	c.Remark = text[:remark]
	c.Fields = cutBinaryFields(fields, text[4+int(remark):], n)
	return nil
}

// countBinaryFields checks the lengths in b and returns how many of its fields
// have a value.
func countBinaryFields(b []byte) (int, error) {
	n, size := 0, len(b)
	for len(b) > 0 {
		at := size - len(b)
		if len(b) < 2 {
			return 0, fmt.Errorf("%w: field at %d has no key length", ErrBadHeader, at)
		}
		key := int(int16(binary.BigEndian.Uint16(b)))
		if key < 0 || key > len(b)-6 {
			return 0, fmt.Errorf("%w: key length %d at %d, %d bytes are left", ErrBadHeader, key, at, len(b)-2)
		}
		b = b[2+key:]
		value := binary.BigEndian.Uint32(b)
		if uint64(value) > uint64(len(b)-4) {
			return 0, fmt.Errorf("%w: value length %d of field at %d, %d bytes are left", ErrBadHeader, value, at, len(b)-4)
		}
		b = b[4+int(value):]
		if value > 0 {
			n++
		}
	}
	return n, nil
}

// cutBinaryFields returns the n fields of b that have a value; text is b as a
// string, and the lengths in it were checked.
func cutBinaryFields(b []byte, text string, n int) Fields {
	if n == 0 {
		return nil
	}
	fields := make(Fields, 0, n)
	for at := 0; at < len(b); {
		key := at + 2
		keyEnd := key + int(binary.BigEndian.Uint16(b[at:]))
		value := keyEnd + 4
		at = value + int(binary.BigEndian.Uint32(b[keyEnd:]))
		if at > value {
			fields = append(fields, Field{text[key:keyEnd], text[value:at]})
		}
	}
	return fields
}
