package folder

import (
	"errors"
	"math"
	"slices"
	"syscall"
	"testing"

	"pairmq/store/record"
)

// Where the device gives an error, the rest is read around it.
func TestUnreadableSectors(t *testing.T) {
	const size = 256 << 10
	var b []byte
	var at []int64
	for i := 0; len(b) < size-10_000; i++ {
		at = append(at, int64(len(b)))
		b = record.AppendCRC(b, &record.Message{Topic: "T", QueueOffset: int64(i), PhyOffset: int64(len(b)), Body: make([]byte, 1000+i%700)})
	}
	end := int64(len(b))
	b = append(b, make([]byte, size-len(b))...)
	bad := []int64{5 * sectorSize, 6 * sectorSize, 40 * sectorSize}
	read := func(_ *segment, p []byte, off int64) (int, error) {
		for i := range p {
			if at := off + int64(i); slices.Contains(bad, at-at%sectorSize) {
				return i, syscall.EIO
			}
			p[i] = b[off+int64(i)]
		}
		return len(p), nil
	}
	l := &Log{size: size, segments: []segment{{name: "commitlog/x", size: size}}, crcSince: math.MaxInt64, limits: limits(0), read: read}
	var found []Finding
	sum, err := Verify(t.Context(), VerifyOptions{Log: l, Found: func(f Finding) { found = append(found, f) }})
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for i, from := range at {
		to := end
		if i+1 < len(at) {
			to = at[i+1]
		}
		if slices.ContainsFunc(bad, func(s int64) bool { return from < s+sectorSize && s < to }) {
			lost++
		}
	}
	var unreadable int64
	for _, f := range found {
		if f.Kind == Unreadable {
			unreadable += f.Length
			if f.Reason != syscall.EIO.Error() {
				t.Errorf("the reason is %q", f.Reason)
			}
		}
	}
	if unreadable != 3*sectorSize || sum.Records != int64(len(at)-lost) || sum.End != end {
		t.Errorf("%d bytes cannot be read, %d records up to %d, want %d, %d, %d: %+v", unreadable, sum.Records, sum.End, 3*sectorSize, len(at)-lost, end, found)
	}
	if l.end = end; l.limitOf(&l.segments[0]) != end { // a running broker reads around bad sectors itself
		t.Fatal("the end is not known")
	}
	l.buf = nil
	if _, err := Verify(t.Context(), VerifyOptions{Log: l, Found: func(Finding) {}}); !errors.Is(err, syscall.EIO) {
		t.Errorf("of a broker it ends with %v, want EIO", err)
	}
}
