// Package record reads and writes records: messages as bytes of the commit log.
//
// The same bytes lie in the log, travel to slaves and are the body of a pull.
// The package is pure: it knows layouts, property text, hashes and message ids,
// and nothing of files, queues or connections. A record is, big-endian:
//
//	 0 TOTALSIZE  4   bytes of the whole record
//	 4 MAGICCODE  4   V1 DAA320A7; V2 DAA320AB; a filler has CBD43194
//	 8 BODYCRC    4   CRC-32 (IEEE) of the body & 7FFFFFFF
//	12 QUEUEID    4
//	16 FLAG       4   the application's
//	20 QUEUEOFFSET 8
//	28 PHYSICALOFFSET 8
//	36 SYSFLAG    4
//	40 BORNTIMESTAMP 8
//	48 BORNHOST   8   address and port (4 bytes); 20 if SYSFLAG has 0x10
//	56 STORETIMESTAMP 8
//	64 STOREHOST  8   20 if SYSFLAG has 0x20
//	72 RECONSUMETIMES 4
//	76 PREPAREDTRANSACTIONOFFSET 8
//	84 BODY       4 + n
//	   TOPIC      1 + n (V2: 2 + n)
//	   PROPERTIES 2 + n
//
// Format: RocketMQ 4.9.7 and 5.4.0, CommitLog and MessageDecoder. V2 comes from
// 5.x masters only; it is read here and never written.
package record

import (
	"errors"
	"net/netip"
)

// Magic codes, as in the MAGICCODE field.
const (
	MagicV1    uint32 = 0xDAA320A7
	MagicV2    uint32 = 0xDAA320AB
	MagicBlank uint32 = 0xCBD43194
)

// Bits of a record's SYSFLAG.
const (
	SysCompressed      int32 = 0x1
	SysMultiTags       int32 = 0x2
	SysTransactionMask int32 = 0xC
	SysPrepared        int32 = 0x4
	SysCommit          int32 = 0x8
	SysRollback        int32 = 0xC
	SysBornHostV6      int32 = 0x10
	SysStoreHostV6     int32 = 0x20
)

// Bounds that the layout sets, in bytes.
const (
	MinSize       = fixedSize // of a record: V1, IPv4, nothing in it
	MaxTopic      = 127       // Java reads V1's length as a signed byte
	MaxTopicV2    = 1<<15 - 1
	MaxProperties = 1<<15 - 1
)

const (
	fixedSize = 91 // V1 with IPv4 hosts, without body, topic and properties
	hostV6    = 12 // more bytes for each IPv6 host
	atCRC     = 8
	atSysFlag = 36
	atBorn    = 48
)

var (
	// ErrShort means that the bytes at hand end before the record does.
	ErrShort = errors.New("record: ends beyond the bytes at hand")
	// ErrBlank means that the bytes are the filler at a segment's end.
	ErrBlank = errors.New("record: filler at the end of a segment")
	// ErrBad means that the bytes are no record.
	ErrBad = errors.New("record: malformed")
	// ErrCRC means that a record's bytes do not match a checksum in it.
	ErrCRC = errors.New("record: checksum does not match")
	// ErrTooLong means that a message does not fit into the record layout.
	ErrTooLong = errors.New("record: message too long")
)

// Message is one message with everything its record holds. Properties is text
// as described at [Property]; a checksum property belongs to the record, not to
// the message, and is never part of what is written from here.
type Message struct {
	Topic                     string
	QueueID                   int32
	Flag                      int32 // the application's
	SysFlag                   int32 // Sys…; the two host bits follow from the hosts
	QueueOffset               int64
	PhyOffset                 int64 // bytes from the start of the log
	BornTimestamp             int64 // ms since 1970, the client's clock
	BornHost                  netip.AddrPort
	StoreTimestamp            int64 // ms since 1970
	StoreHost                 netip.AddrPort
	ReconsumeTimes            int32
	PreparedTransactionOffset int64 // of a commit record: where the half message is
	Body                      []byte
	Properties                string
}

// Limits bounds what [Parse] accepts.
type Limits struct {
	Record int // bytes of one record; 0 means 4 MiB + 64 KiB, Apache's default
}

const defaultRecord = 4<<20 + 64<<10
