package remoting

import (
	"math/bits"
	"sync/atomic"
	"testing"
	"unsafe"
)

// A machine of 32 bits cannot use 64 of them at once where they straddle a boundary of
// eight bytes: Go panics there, on real machines and on emulated ones. If it did not under
// an emulator, all the other tests there would prove nothing about the atomics in this code.
func TestAMisplacedAtomicIsNoticed(t *testing.T) {
	if bits.UintSize == 64 {
		t.Skip("a machine of 64 bits does not mind")
	}
	words := make([]uint64, 4)
	at := (*int64)(unsafe.Add(unsafe.Pointer(&words[0]), 4))
	defer func() {
		if recover() == nil {
			t.Errorf("an atomic at %p was not noticed", at)
		}
	}()
	atomic.AddInt64(at, 1)
}

// The counters of a connection and of a budget, as they lie in their structs.
func TestAtomicsAreInTheirPlaces(t *testing.T) {
	c, b := new(Conn), newBudget(1)
	for name, at := range map[string]unsafe.Pointer{
		"Conn.wroteAt": unsafe.Pointer(&c.wroteAt), "flow.want": unsafe.Pointer(&c.flow.want), "flow.have": unsafe.Pointer(&c.flow.have),
		"flow.since": unsafe.Pointer(&c.flow.since), "flow.moved": unsafe.Pointer(&c.flow.moved), "budget.used": unsafe.Pointer(&b.used),
	} {
		if uintptr(at)%8 != 0 {
			t.Errorf("%s lies at %p, want a multiple of 8", name, at)
		}
	}
	b.force(1 << 40)
	b.give(1<<40 - 1)
	if got := b.used.Load(); got != 1 {
		t.Errorf("%d bytes are used, want 1", got)
	}
}
