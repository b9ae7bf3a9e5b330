package record

import (
	"fmt"
	"hash/crc32"
	"math"
	"strings"
)

// CRCProperty is the name of the property that holds a whole record's checksum.
const CRCProperty = "__CRC32#"

const (
	crcDigits       = 10
	crcPropertySize = len(CRCProperty) + 1 + crcDigits + 1
)

// CheckCRC compares the record with the checksums in it: that of the body, and
// that of the whole record where the last property is a __CRC32#. It fails with
// ErrCRC.
//
// A RocketMQ broker that does not write the property itself stores one that a
// client made up. For logs of such a master CheckBodyCRC is the check to make.
func (v View) CheckCRC() error {
	if err := v.CheckBodyCRC(); err != nil {
		return err
	}
	if want, ok := splitCRC(v.Properties()); ok {
		return v.compareCRC(want)
	}
	return nil
}

// compareCRC compares all of the record with what its last property says.
func (v View) compareCRC(want uint64) error {
	got := crc32.ChecksumIEEE(v.b[:len(v.b)-crcPropertySize]) & crcMask
	if want != uint64(got) {
		return fmt.Errorf("%w: record at %d has %d, its property says %d", ErrCRC, v.PhyOffset(), got, want)
	}
	return nil
}

// CheckBodyCRC compares the body with the BODYCRC field alone. It fails with
// ErrCRC.
func (v View) CheckBodyCRC() error {
	got := crc32.ChecksumIEEE(v.Body()) & crcMask
	if want := v.BodyCRC(); got != want {
		return fmt.Errorf("%w: body of the record at %d has %08x, its field says %08x", ErrCRC, v.PhyOffset(), got, want)
	}
	return nil
}

// CheckWhole is CheckCRC, and where the record carries no checksum of all of
// itself, a look at its last bytes: if its end was torn off, they are zeros or what
// was there before. It fails with ErrCRC or ErrProperties.
func (v View) CheckWhole() error {
	if err := v.CheckBodyCRC(); err != nil {
		return err
	}
	if want, ok := splitCRC(v.Properties()); ok {
		return v.compareCRC(want)
	}
	props := text(v.Properties())
	if err := CheckProperties(props); err != nil {
		return fmt.Errorf("record at %d is torn: %w", v.PhyOffset(), err)
	}
	if at := strings.IndexByte(props, 0); at >= 0 {
		return fmt.Errorf("record at %d is torn: %w: a zero byte at %d", v.PhyOffset(), ErrProperties, at)
	}
	return nil
}

// HasCRC says whether the record carries a checksum of all of itself.
func (v View) HasCRC() bool {
	_, ok := splitCRC(v.Properties())
	return ok
}

// appendCRCProperty ends a record.
func appendCRCProperty(dst []byte, sum uint32) []byte {
	dst = append(dst, CRCProperty...)
	dst = append(dst, nameSeparator)
	for range crcDigits {
		dst = append(dst, '0'+byte(sum%10))
		sum /= 10
	}
	return append(dst, propertySeparator)
}

// splitCRC returns the checksum in the property that ends props, if one does:
// its digits come least significant first. What is no number is returned as one
// that no checksum equals, and so is a property with one wrong byte around its
// digits: else a damaged name would make a damaged record pass for one without.
func splitCRC(props []byte) (uint64, bool) {
	start := len(props) - crcPropertySize
	if start < 0 {
		return 0, false
	}
	p := props[start:]
	wrong := 0
	if start > 0 && props[start-1] != propertySeparator {
		wrong++
	}
	if p[len(p)-1] != propertySeparator {
		wrong++
	}
	for i := 0; i <= len(CRCProperty) && wrong < 2; i++ {
		if p[i] != (CRCProperty + "\x01")[i] {
			wrong++
		}
	}
	if wrong > 1 {
		return 0, false
	}
	sum, good := leastFirst(p[len(CRCProperty)+1 : len(p)-1])
	switch {
	case wrong == 0 && good:
		return sum, true
	case wrong == 0, wrong == 1 && good:
		return math.MaxUint64, true
	}
	return 0, false
}

// leastFirst reads a decimal number whose first digit counts least.
func leastFirst(digits []byte) (n uint64, ok bool) {
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(digits[i]-'0')
	}
	return n, true
}

// withoutCRC returns props without any checksum property: one that a client has
// sent would make a sound record look damaged.
func withoutCRC(props string) string {
	if !strings.Contains(props, CRCProperty) {
		return props
	}
	return RemoveProperty(props, CRCProperty)
}
