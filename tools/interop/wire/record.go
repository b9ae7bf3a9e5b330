package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// Magic numbers of records in a commit log.
const (
	RecordMagic = 0xDAA320A7
	BlankMagic  = 0xCBD43194 // the filler at a segment's end
)

// Errors of DecodeRecord.
var (
	ErrNoRecord = errors.New("wire: no record")
	ErrBlank    = errors.New("wire: filler")
)

// A Record is one stored message, as a pull returns it and as it stands in the
// commit log. Body aliases what it was decoded from and may be compressed.
type Record struct {
	Size           int
	QueueID        int32
	Flag           int32
	QueueOffset    int64
	PhyOffset      int64
	SysFlag        int32
	BornTimestamp  int64
	StoreTimestamp int64
	ReconsumeTimes int32
	Body           []byte
	Topic          string
	Properties     string
}

// Property returns a property's value, or "".
func (r *Record) Property(name string) string {
	for pair := range strings.SplitSeq(r.Properties, "\x02") {
		if k, v, ok := strings.Cut(pair, "\x01"); ok && k == name {
			return v
		}
	}
	return ""
}

// DecodeRecord reads the record at the front of b. It fails with ErrBlank for
// filler and with ErrNoRecord for anything else, a wrong body CRC included.
func DecodeRecord(b []byte) (Record, error) {
	if len(b) < 8 {
		return Record{}, fmt.Errorf("%w: %d bytes left", ErrNoRecord, len(b))
	}
	size, magic := int(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[4:])
	if magic == BlankMagic {
		return Record{}, ErrBlank
	}
	if magic != RecordMagic || size < 91 || size > len(b) {
		return Record{}, fmt.Errorf("%w: magic %#x, size %d of %d", ErrNoRecord, magic, size, len(b))
	}
	d := cursor{b: b[8:size]}
	sum := d.u32()
	r := Record{Size: size, QueueID: int32(d.u32()), Flag: int32(d.u32()), QueueOffset: int64(d.u64()), PhyOffset: int64(d.u64())}
	r.SysFlag = int32(d.u32())
	r.BornTimestamp = int64(d.u64())
	d.take(host(r.SysFlag, 0x10))
	r.StoreTimestamp = int64(d.u64())
	d.take(host(r.SysFlag, 0x20))
	r.ReconsumeTimes = int32(d.u32())
	d.take(8)
	r.Body = d.take(int(d.u32()))
	r.Topic = string(d.take(int(d.take(1)[0])))
	r.Properties = string(d.take(int(binary.BigEndian.Uint16(d.take(2)))))
	switch {
	case d.short:
		return Record{}, fmt.Errorf("%w: lengths exceed its size %d", ErrNoRecord, size)
	case len(d.b) != 0:
		return Record{}, fmt.Errorf("%w: %d bytes behind its properties", ErrNoRecord, len(d.b))
	case crc32.ChecksumIEEE(r.Body)&0x7FFFFFFF != sum:
		return Record{}, fmt.Errorf("%w: body CRC %#x, want %#x", ErrNoRecord, crc32.ChecksumIEEE(r.Body)&0x7FFFFFFF, sum)
	}
	return r, nil
}

// DecodeRecords reads all records of a pull's body.
func DecodeRecords(b []byte) ([]Record, error) {
	var rs []Record
	for len(b) > 0 {
		r, err := DecodeRecord(b)
		if err != nil {
			return nil, fmt.Errorf("record %d of a pull: %w", len(rs), err)
		}
		rs, b = append(rs, r), b[r.Size:]
	}
	return rs, nil
}

func host(sysFlag, ipv6 int32) int {
	if sysFlag&ipv6 != 0 {
		return 20
	}
	return 8
}

// A cursor takes fields from the front of b, and zeros once b has ended.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.short = true
		return make([]byte, max(0, min(n, 8)))
	}
	field := c.b[:n]
	c.b = c.b[n:]
	return field
}

func (c *cursor) u32() uint32 { return binary.BigEndian.Uint32(c.take(4)) }
func (c *cursor) u64() uint64 { return binary.BigEndian.Uint64(c.take(8)) }
