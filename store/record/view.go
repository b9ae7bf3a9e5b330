package record

import (
	"encoding/binary"
	"net/netip"
	"unsafe"
)

// Bytes returns the whole record. It aliases what was parsed, like every slice
// that a View returns.
func (v View) Bytes() []byte { return v.b }

// Size returns the bytes of the record.
func (v View) Size() int { return len(v.b) }

// V2 says whether the record has a two-byte topic length, which 4.x clients
// cannot read.
func (v View) V2() bool { return binary.BigEndian.Uint32(v.b[4:]) == MagicV2 }

// BodyCRC returns the BODYCRC field, unchecked.
func (v View) BodyCRC() uint32 { return binary.BigEndian.Uint32(v.b[atCRC:]) }

// QueueID returns the queue's number in its topic.
func (v View) QueueID() int32 { return v.int32(12) }

// Flag returns the application's flag.
func (v View) Flag() int32 { return v.int32(16) }

// QueueOffset returns the message's position in its consume queue.
func (v View) QueueOffset() int64 { return v.int64(20) }

// PhyOffset returns where in the log the record says it is, in bytes.
func (v View) PhyOffset() int64 { return v.int64(28) }

// SysFlag returns the Sys… bits.
func (v View) SysFlag() int32 { return v.int32(atSysFlag) }

// Transaction returns the transaction bits: 0, SysPrepared, SysCommit or
// SysRollback. Prepared and rollback records enter no consume queue.
func (v View) Transaction() int32 { return v.SysFlag() & SysTransactionMask }

// BornTimestamp returns when the client made the message, in ms.
func (v View) BornTimestamp() int64 { return v.int64(40) }

// BornHost returns the client's address.
func (v View) BornHost() netip.AddrPort {
	host, _ := decodeHost(v.b[atBorn:], v.SysFlag()&SysBornHostV6 != 0)
	return host
}

// StoreTimestamp returns when the broker stored the message, in ms.
func (v View) StoreTimestamp() int64 { return v.int64(int(v.storeAt)) }

// StoreHost returns the storing broker's address.
func (v View) StoreHost() netip.AddrPort {
	host, _ := decodeHost(v.b[v.storeAt+8:], v.SysFlag()&SysStoreHostV6 != 0)
	return host
}

// ReconsumeTimes returns how often the message was sent back.
func (v View) ReconsumeTimes() int32 { return v.int32(int(v.bodyAt) - 16) }

// PreparedTransactionOffset returns where a commit record's half message is.
func (v View) PreparedTransactionOffset() int64 { return v.int64(int(v.bodyAt) - 12) }

// Body returns the body as stored, compressed or not.
func (v View) Body() []byte {
	end := v.bodyAt + v.bodyLen
	return v.b[v.bodyAt:end:end]
}

// Topic returns the topic's name.
func (v View) Topic() []byte {
	end := v.topicAt + v.topic
	return v.b[v.topicAt:end:end]
}

// Properties returns the properties text, a checksum property included.
func (v View) Properties() []byte { return v.b[v.propsAt:] }

// Property returns the value of the last property called name.
func (v View) Property(name string) ([]byte, bool) {
	props := v.Properties()
	from, to, ok := findProperty(text(props), name)
	if !ok {
		return nil, false
	}
	return props[from:to:to], true
}

// Message returns the message in the record: Body aliases it, the strings are
// copies, and the checksum property is left out.
func (v View) Message() Message {
	props := v.Properties()
	if _, ok := splitCRC(props); ok {
		props = props[:len(props)-crcPropertySize]
	}
	return Message{
		Topic: string(v.Topic()), QueueID: v.QueueID(), Flag: v.Flag(), SysFlag: v.SysFlag(),
		QueueOffset: v.QueueOffset(), PhyOffset: v.PhyOffset(),
		BornTimestamp: v.BornTimestamp(), BornHost: v.BornHost(),
		StoreTimestamp: v.StoreTimestamp(), StoreHost: v.StoreHost(),
		ReconsumeTimes: v.ReconsumeTimes(), PreparedTransactionOffset: v.PreparedTransactionOffset(),
		Body: v.Body(), Properties: string(props),
	}
}

func (v View) int32(at int) int32 { return int32(binary.BigEndian.Uint32(v.b[at:])) }
func (v View) int64(at int) int64 { return int64(binary.BigEndian.Uint64(v.b[at:])) }

// text lends b to functions on strings, which must not keep it.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
