package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// crcMask clears the sign bit: Java keeps checksums in an int.
const crcMask = 0x7FFFFFFF

// Size returns the bytes of m's record. It fails with ErrTooLong when topic or
// properties exceed their length fields, or the record exceeds 2 GiB.
func Size(m *Message) (int, error) { return size(m, 0) }

// Append appends m's record to dst, in the bytes that Apache's broker would
// write. m must have passed Size: Append panics where that fails.
func Append(dst []byte, m *Message) []byte {
	return appendRecord(dst, m, 0)
}

// SizeCRC is Size for AppendCRC.
func SizeCRC(m *Message) (int, error) { return size(m, crcPropertySize) }

// AppendCRC is Append with one more property, the last: __CRC32#, a checksum of
// the whole record. RocketMQ 5.x writes it with enabledAppendPropCRC=true.
func AppendCRC(dst []byte, m *Message) []byte {
	start := len(dst)
	dst = appendRecord(dst, m, crcPropertySize)
	return appendCRCProperty(dst, crc32.ChecksumIEEE(dst[start:])&crcMask)
}

// size returns the bytes of m's record with reserved bytes for the checksum
// property.
func size(m *Message, reserved int) (int, error) {
	props := withoutCRC(m.Properties)
	propsLen := len(props) + separator(props, reserved) + reserved
	total := int64(fixedSize) + int64(len(m.Body)) + int64(len(m.Topic)) + int64(propsLen)
	if isV6(m.BornHost) {
		total += hostV6
	}
	if isV6(m.StoreHost) {
		total += hostV6
	}
	switch {
	case len(m.Topic) > MaxTopic:
		return 0, fmt.Errorf("%w: topic has %d bytes, at most %d fit", ErrTooLong, len(m.Topic), MaxTopic)
	case propsLen > MaxProperties:
		return 0, fmt.Errorf("%w: properties have %d bytes, at most %d fit", ErrTooLong, propsLen, MaxProperties)
	case total > math.MaxInt32:
		return 0, fmt.Errorf("%w: record of %d bytes", ErrTooLong, total)
	}
	return int(total), nil
}

// separator returns how many bytes part props from the checksum property.
func separator(props string, reserved int) int {
	if reserved == 0 || props == "" || props[len(props)-1] == propertySeparator {
		return 0
	}
	return 1
}

// appendRecord appends m's record without its last reserved bytes.
func appendRecord(dst []byte, m *Message, reserved int) []byte {
	total, err := size(m, reserved)
	if err != nil {
		panic(err)
	}
	props := withoutCRC(m.Properties)
	sep := separator(props, reserved)
	be := binary.BigEndian
	dst = be.AppendUint32(dst, uint32(total))
	dst = be.AppendUint32(dst, MagicV1)
	dst = be.AppendUint32(dst, crc32.ChecksumIEEE(m.Body)&crcMask)
	dst = be.AppendUint32(dst, uint32(m.QueueID))
	dst = be.AppendUint32(dst, uint32(m.Flag))
	dst = be.AppendUint64(dst, uint64(m.QueueOffset))
	dst = be.AppendUint64(dst, uint64(m.PhyOffset))
	dst = be.AppendUint32(dst, uint32(sysFlag(m)))
	dst = be.AppendUint64(dst, uint64(m.BornTimestamp))
	dst = appendHost(dst, m.BornHost)
	dst = be.AppendUint64(dst, uint64(m.StoreTimestamp))
	dst = appendHost(dst, m.StoreHost)
	dst = be.AppendUint32(dst, uint32(m.ReconsumeTimes))
	dst = be.AppendUint64(dst, uint64(m.PreparedTransactionOffset))
	dst = be.AppendUint32(dst, uint32(len(m.Body)))
	dst = append(dst, m.Body...)
	dst = append(dst, byte(len(m.Topic)))
	dst = append(dst, m.Topic...)
	dst = be.AppendUint16(dst, uint16(len(props)+sep+reserved))
	dst = append(dst, props...)
	if sep == 1 {
		dst = append(dst, propertySeparator)
	}
	return dst
}

// sysFlag returns m's flag with the host bits that its hosts ask for.
func sysFlag(m *Message) int32 {
	flag := m.SysFlag &^ (SysBornHostV6 | SysStoreHostV6)
	if isV6(m.BornHost) {
		flag |= SysBornHostV6
	}
	if isV6(m.StoreHost) {
		flag |= SysStoreHostV6
	}
	return flag
}
