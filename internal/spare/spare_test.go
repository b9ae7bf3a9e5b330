package spare

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBuffersAreUsedAgainForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := Buffers{Most: 1 << 20}
		p := b.Get(300_000)
		if len(p) != 300_000 || cap(p) != 5*grain {
			t.Fatalf("Get(300000) has %d bytes and room for %d, want room for %d", len(p), cap(p), 5*grain)
		}
		p[0] = 7
		b.Put(p)
		if again := b.Get(299_000); len(again) != 299_000 || again[0] != 7 {
			t.Errorf("Get(299000) has %d bytes and begins with %d: not the one that was there", len(again), again[0])
		}
		b.Put(p)
		time.Sleep(keepTime * 9 / 10)
		b.Put(b.Get(300_000))
		time.Sleep(keepTime * 9 / 10)
		synctest.Wait()
		if kept := held(&b); kept != cap(p) {
			t.Errorf("%d bytes are kept %v after the last use, want %d", kept, keepTime*9/10, cap(p))
		}
		time.Sleep(keepTime / 5)
		synctest.Wait()
		if kept := held(&b); kept != 0 || b.free != nil {
			t.Errorf("%d bytes are kept for longer than %v", kept, keepTime)
		}
	})
}

// held is how many bytes are kept, beside the timer that gives them up.
func held(b *Buffers) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

func TestOnlySoMuchIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := Buffers{Most: 10 * grain}
		first, second, third := b.Get(4*grain), b.Get(5*grain), b.Get(6*grain)
		b.Put(first)
		b.Put(third)
		if b.held != 10*grain || len(b.free) != 2 {
			t.Fatalf("%d bytes in %d buffers are kept, want %d in 2", b.held, len(b.free), 10*grain)
		}
		b.Put(second)
		if b.held != 10*grain {
			t.Errorf("%d bytes are kept, want at most %d", b.held, b.Most)
		}
		if got := b.Get(3 * grain); cap(got) != 4*grain {
			t.Errorf("for %d bytes came room for %d, want the smallest that fits: %d", 3*grain, cap(got), 4*grain)
		}
		if got := b.Get(grain); cap(got) != grain || b.held != 0 {
			t.Errorf("for %d bytes came room for %d, and %d are kept: what is more than twice too large goes", grain, cap(got), b.held)
		}
		b.Put(make([]byte, 11*grain))
		if b.held != 0 {
			t.Errorf("a buffer larger than all that may be kept is kept")
		}
	})
}
