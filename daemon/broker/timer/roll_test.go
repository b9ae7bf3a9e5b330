package timer

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

// traffic stores n bytes of other messages, and says how often one was refused since
// waiting messages were in the way.
func (r *rig) traffic(n int) (refused int) {
	r.t.Helper()
	body := bytes.Repeat([]byte("x"), 1000)
	for n > 0 {
		m := record.Message{Topic: "Other", BornHost: netip.MustParseAddrPort("10.0.0.1:4711"), Body: body}
		done := make(chan error, 1)
		err := r.st.Put([]record.Message{m}, func(err error) { done <- err })
		if errors.Is(err, store.ErrDiskFull) {
			refused++
			time.Sleep(10 * time.Millisecond)
			continue
		}
		r.must(err)
		r.must(<-done)
		n -= len(body)
		time.Sleep(time.Millisecond) // 1 MB/s
	}
	return refused
}

// tooSmall is for a store whose log goes round in a few hundred KiB.
func tooSmall(o *store.Options) { o.SegmentSize, o.MaxBytes = 256<<10, 8<<20 }

// TestRetentionByBytes: what waits comes at its time and once, however often the log
// went round meanwhile, over restarts, with an index that is lost or not.
func TestRetentionByBytes(t *testing.T) {
	for _, lost := range []bool{false, true} {
		bubble(t, func(r *rig) {
			r.change = tooSmall
			r.must(r.start())
			due := map[int]int64{}
			for n := range 60 {
				name, in := PropertyDelayMs, int64(3600_000+n*1000)
				due[n] = r.wall() + in
				value := in
				if n%2 == 0 {
					name, value = PropertyDeliverMs, due[n]
				}
				r.must(r.send(n, name, value))
			}
			behind := r.st.End()
			refused := 0
			for round := range 6 {
				refused += r.traffic(4 << 20)
				time.Sleep(time.Minute)
				if round != 2 && round != 4 {
					continue
				}
				r.must(r.stop())
				if lost {
					r.must(r.fs.Remove("meta.db"))
				}
				r.must(r.start())
			}
			if r.st.Start() < 3*behind {
				t.Errorf("the log begins at %d, and the messages lay before %d: it did not go round", r.st.Start(), behind)
			}
			if refused > 0 {
				t.Errorf("others were refused %d times", refused)
			}
			time.Sleep(2 * time.Hour)
			came := r.came()
			for n, at := range due {
				if got := came[n]; got < at-100 || got > at+100 {
					t.Errorf("message %d came at %d, want %d", n, got, at)
				}
			}
			r.must(r.stop())
		})
	}
}

// TestRetentionByAge: the same, where segments go when they are an hour old.
func TestRetentionByAge(t *testing.T) {
	bubble(t, func(r *rig) {
		r.change = func(o *store.Options) { o.Reserved = time.Hour }
		r.must(r.start())
		due := map[int]int64{}
		for n := range 40 {
			in := 5*3600_000 + int64(n)*1000
			due[n] = r.wall() + in
			r.must(r.send(n, PropertyDelayMs, in))
		}
		behind := r.st.End()
		for range 290 {
			time.Sleep(time.Minute)
			r.traffic(4 << 10)
		}
		if r.st.Start() < behind {
			t.Errorf("the log begins at %d, and the messages lay before %d", r.st.Start(), behind)
		}
		if got := r.came(); len(got) != 0 {
			t.Errorf("%d came before their time", len(got))
		}
		time.Sleep(time.Hour)
		came := r.came()
		for n, at := range due {
			if got := came[n]; got < at-100 || got > at+100 {
				t.Errorf("message %d came at %d, want %d", n, got, at)
			}
		}
		r.must(r.stop())
	})
}

// TestASpanGoesOnWhereTheClockSteps: also when its record was stored anew meanwhile.
func TestASpanGoesOnWhereTheClockSteps(t *testing.T) {
	bubble(t, func(r *rig) {
		r.change = tooSmall
		r.must(r.start())
		began := time.Now()
		r.must(r.send(1, PropertyDelaySec, 3600))
		behind := r.st.End()
		r.step.Store(-40 * 24 * 3600_000)
		r.traffic(8 << 20)
		if r.st.Start() < behind {
			t.Fatalf("the log begins at %d, and the message lay before %d", r.st.Start(), behind)
		}
		time.Sleep(time.Until(began.Add(3590 * time.Second)))
		if got := r.came(); len(got) != 0 {
			t.Errorf("it came ten seconds early")
		}
		time.Sleep(12 * time.Second)
		if got := r.came(); len(got) != 1 {
			t.Errorf("it did not come after its delay")
		}
		r.must(r.stop())
	})
}

// TestAQuarterOfTheLogWaits: messages that wait are as many as the broker lets in, others
// come as fast as they can, and the power goes.
func TestAQuarterOfTheLogWaits(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 3))
			cut := int(seed) * (900 + rnd.IntN(300))
			fs := diskfault.New(diskfault.Plan{Seed: seed, CutAt: cut, Real: t.TempDir()})
			r := &rig{t: t, fs: fs, change: tooSmall, stop: func() error { return nil }}
			r.must(r.start())
			r.pad = strings.Repeat("x", 1000)
			const all = 800
			stored := 0
			for stored < all && r.send(stored, PropertyDelayMs, 3600_000+rnd.Int64N(3600_000)) == nil {
				stored++
			}
			behind := r.st.End()
			for rounds := 0; r.flood() == nil && r.st.End() < 16<<20 && rounds < 1000; rounds++ {
			}
			if cut == 0 && r.st.End() < 16<<20 {
				t.Errorf("seed %d: others are refused for good", seed)
			}
			_ = r.stop()
			r.fs = fs.Restart()
			r.must(r.start())
			r.traffic(4 << 20)
			if r.st.Start() < behind {
				t.Errorf("seed %d: the log begins at %d, and the messages lay before %d", seed, r.st.Start(), behind)
			}
			time.Sleep(3 * time.Hour)
			came := r.came()
			for n := range stored {
				if came[n] == 0 {
					t.Errorf("seed %d, cut at %d: message %d of %d did not come", seed, cut, n, stored)
				}
			}
			if messages, bytes := r.service.Pending(); messages != 0 || bytes != 0 {
				t.Errorf("seed %d: %d messages of %d bytes are said to wait, want none", seed, messages, bytes)
			}
			r.must(r.stop())
		})
	}
}

// flood stores 200 messages at once; it fails when the store does.
func (r *rig) flood() error {
	body := bytes.Repeat([]byte("x"), 1000)
	errs := make(chan error, 200)
	for range cap(errs) {
		m := record.Message{Topic: "Other", BornHost: netip.MustParseAddrPort("10.0.0.1:4711"), Body: body}
		err := r.st.Put([]record.Message{m}, func(err error) { errs <- err })
		if errors.Is(err, store.ErrDiskFull) {
			time.Sleep(10 * time.Millisecond)
			err = nil
			errs <- nil
		} else if err != nil {
			errs <- err
		}
	}
	var failed error
	for range cap(errs) {
		failed = errors.Join(failed, <-errs)
	}
	return failed
}

// A hurried is a store that wants to give back its oldest segment.
type hurried struct{ Store }

func (h hurried) GoesNext() (int64, bool) { return h.SegmentSize(), true }

// TestWhatIsNotReadYetIsKept: while the queue is read anew, a part at a time, the segment
// goes next that all of it is in.
func TestWhatIsNotReadYetIsKept(t *testing.T) {
	const all = 300
	bubble(t, func(r *rig) {
		r.change = func(o *store.Options) { o.SegmentSize = 256 << 10 }
		r.must(r.start())
		for n := range all {
			r.must(r.send(n, PropertyDelayMs, 3600_000))
		}
		if end := r.st.End(); end > 256<<10 {
			t.Fatalf("the messages end at %d, behind the first segment", end)
		}
		r.traffic(256 << 10)
		r.must(r.stop())
		r.must(r.fs.Remove("meta.db"))
		r.memory, r.wrap = 100, func(st *store.Store) Store { return hurried{st} }
		r.must(r.start())
		time.Sleep(2 * time.Hour)
		if got := len(r.came()); got != all {
			t.Errorf("%d messages came, want %d", got, all)
		}
		r.must(r.stop())
	})
}

// A tight store has no room for what is stored anew until a time.
type tight struct {
	*store.Store
	until *atomic.Int64 // ms since 1970
}

func (s *tight) PutAnew(ms []record.Message, done func(error)) error {
	if time.Now().UnixMilli() < s.until.Load() {
		return fmt.Errorf("%w: no space for the next segment", store.ErrDiskFull)
	}
	return s.Store.PutAnew(ms, done)
}

// TestRoomThatComesLate: what waits in the segment that goes next is not given up as soon as
// there is no room for it, and is when there is none for long.
func TestRoomThatComesLate(t *testing.T) {
	for _, tt := range []struct {
		name string
		full time.Duration // from when others are refused on
		lost bool
	}{{"soon", roomTime - time.Second, false}, {"never", 24 * time.Hour, true}} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				const all = 50
				var until atomic.Int64
				r.change = tooSmall
				r.wrap = func(st *store.Store) Store { return &tight{st, &until} }
				r.must(r.start())
				for n := range all {
					r.must(r.send(n, PropertyDelayMs, 3600_000))
				}
				until.Store(time.Now().Add(24 * time.Hour).UnixMilli())
				for _, urgent := r.st.GoesNext(); !urgent; _, urgent = r.st.GoesNext() {
					if r.flood() != nil {
						break
					}
				}
				until.Store(time.Now().Add(tt.full).UnixMilli())
				refused := r.traffic(2 << 20)
				time.Sleep(2 * time.Hour)
				if got := len(r.came()); (got != all) != tt.lost || refused == 0 {
					t.Errorf("%d of %d came, and others were refused %d times", got, all, refused)
				}
				r.must(r.stop())
			})
		})
	}
}
