package store_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
)

// TestSound: nothing is said of too few bytes, whole records are as long as they are, and what is no record, or none of
// that place, is refused as soon as that can be known.
func TestSound(t *testing.T) {
	m := masterOf(t, 0, 100)
	log := rawLog(t, m.ReadRaw, 0, m.Confirmed())
	r := mustStart(t, copyOptions(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true))
	defer r.stop()
	f := r.Follow()
	size := int(record32(log))
	filler := int64(bytes.Index(log, []byte{0xcb, 0xd4, 0x31, 0x94}) - 4)
	flip := func(at int) []byte {
		b := bytes.Clone(log)
		b[at] ^= 0x41
		return b
	}
	tests := []struct {
		name string
		off  int64
		b    []byte
		want int // -1: ErrNotLog
	}{
		{"nothing", 0, nil, 0}, {"less than a head", 0, log[:7], 0}, {"less than a record", 0, log[:size-1], 0},
		{"a record", 0, log[:size], size}, {"and what follows", 0, log, size}, {"the second one", int64(size), log[size:], int(record32(log[size:]))},
		{"a filler", filler, log[filler:segment], segment - int(filler)}, {"its head", filler, log[filler : filler+8], 8}, {"all of a segment", 0, append([]byte{0, 0, segment >> 8 & 0xff, 0}, log[filler+4:filler+20]...), 20},
		{"noise", 0, bytes.Repeat([]byte{0x55}, 64), -1}, {"zeros", 0, make([]byte, 64), -1}, {"of another place", segment, log, -1}, {"far beyond", 1 << 40, log, -1},
		{"another size", 0, flip(1)[:100], -1}, {"another body", 0, flip(100), -1}, {"a filler of another segment size", filler + segment/2, log[filler : filler+8], -1},
	}
	for _, tt := range tests {
		n, err := f.Sound(tt.off, tt.b)
		if bad := errors.Is(err, store.ErrNotLog); bad != (tt.want < 0) || err != nil && !bad || err == nil && n != tt.want {
			t.Errorf("%s: %d, %v; want %d", tt.name, n, err, tt.want)
		}
	}
	if got := r.MaxOffset("Topic0", 0); f.End() != 0 || got != 0 {
		t.Errorf("it was only asked, and the log ends at %d, a queue at %d", f.End(), got)
	}
	if err := copyLog(f, log, rand.New(rand.NewPCG(5, 5))); err != nil {
		t.Errorf("then the log: %v", err)
	}
}
