package timer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
)

// The store is what a broker hands to a Service.
var _ Store = (*store.Store)(nil)

const threeDays = 3 * 24 * 3600 * 1000

// A rig is a store with a Service, both running; for a synctest bubble.
type rig struct {
	t       testing.TB
	fs      disk.FS
	change  func(*store.Options) // of the store, nil for none
	memory  int                  // Options.Memory
	step    atomic.Int64         // by which the wall clock is wrong, ms
	log     bytes.Buffer
	st      *store.Store
	service *Service
	pad     string                   // property of what is sent
	wrap    func(*store.Store) Store // what the Service has for a store, nil for that itself
	stop    func() error
}

func bubble(t *testing.T, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, fs: diskfault.New(diskfault.Plan{Real: t.TempDir()}), stop: func() error { return nil }}
		defer func() {
			_ = r.stop()
			if t.Failed() {
				t.Logf("%.4000s", r.log.String())
			}
		}()
		f(r)
	})
}

func (r *rig) wall() int64 { return time.Now().UnixMilli() + r.step.Load() }

func (r *rig) start() error {
	var came atomic.Pointer[Service]
	opts := store.Options{
		FS: r.fs, SegmentSize: 64 << 10, SyncFlush: true, ChunkBytes: 8 << 10, JournalBytes: 64 << 10, RecordCRC: true, IndexNoSync: true,
		Arrived: func(a []store.Arrival) {
			if s := came.Load(); s != nil {
				s.Arrived(a)
			}
		},
	}
	if r.change != nil {
		r.change(&opts)
	}
	st, err := store.Open(opts)
	if err != nil {
		return err
	}
	var serves Store = st
	if r.wrap != nil {
		serves = r.wrap(st)
	}
	s, err := New(Options{Store: serves, Wall: r.wall, Memory: r.memory, Log: slog.New(slog.NewTextHandler(&r.log, nil))})
	if err != nil {
		return errors.Join(err, st.Close())
	}
	r.st, r.service = st, s
	came.Store(s)
	front, stopFront := context.WithCancel(context.Background())
	back, stopBack := context.WithCancel(context.Background())
	var served, stored sync.WaitGroup
	var servedErr, storedErr error
	served.Go(func() { servedErr = s.Run(front) })
	stored.Go(func() { storedErr = st.Run(back) })
	r.stop = sync.OnceValue(func() error {
		stopFront()
		served.Wait()
		stopBack()
		stored.Wait()
		return errors.Join(servedErr, storedErr, st.Close())
	})
	return nil
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// send stores the message n for topic T, which waits as the property says.
func (r *rig) send(n int, name string, value int64) error {
	m := record.Message{
		Topic: "T", BornTimestamp: r.wall(), BornHost: netip.MustParseAddrPort("10.0.0.1:4711"),
		Body: []byte(strconv.Itoa(n)), Properties: fmt.Sprintf("UNIQ_KEY\x01K%d\x02PAD\x01%s\x02%s\x01%d", n, r.pad, name, value),
	}
	return r.put(&m)
}

// put stores m, which waits.
func (r *rig) put(m *record.Message) error {
	if _, err := Defer(m, r.wall(), threeDays, 100); err != nil {
		return err
	}
	done := make(chan error, 1)
	ms := []record.Message{*m}
	err := r.st.Put(ms, func(err error) { done <- err })
	if *m = ms[0]; err != nil {
		return err
	}
	return <-done
}

// came returns when each message came to T by the wall clock, in ms, by its number; it
// fails if one came twice.
func (r *rig) came() map[int]int64 {
	r.t.Helper()
	synctest.Wait()
	all := map[int]int64{}
	for at := r.st.MinOffset("T", 0); at < r.st.MaxOffset("T", 0); {
		res, err := r.st.Get("T", 0, at, 32, 1<<20, nil)
		if err != nil || res.Status != store.Found {
			r.t.Fatalf("queue at %d: %v, %v", at, res.Status, err)
		}
		for body := res.Body; len(body) > 0; {
			v, err := record.Parse(body, record.Limits{})
			r.must(err)
			n, err := strconv.Atoi(string(v.Body()))
			r.must(err)
			if was, twice := all[n]; twice {
				r.t.Errorf("message %d came twice, at %d and %d", n, was, v.StoreTimestamp())
			}
			all[n] = v.StoreTimestamp()
			body = body[v.Size():]
		}
		at = res.NextBeginOffset
	}
	return all
}

// TestNotAMillisecondEarly: wherever between two milliseconds the service begins, and a
// message comes, its delay is kept by the clock that gives store timestamps.
func TestNotAMillisecondEarly(t *testing.T) {
	for phase := range 10 {
		bubble(t, func(r *rig) {
			time.Sleep(time.Duration(phase) * 100 * time.Microsecond)
			r.must(r.start())
			sent := map[int]int64{}
			for n := range 20 {
				time.Sleep(time.Duration(n) * 170 * time.Microsecond)
				sent[n] = r.wall()
				r.must(r.send(n, PropertyDelayMs, 1000))
			}
			time.Sleep(3 * time.Second)
			came := r.came()
			for n, at := range sent {
				if took := came[n] - at; took < 1000 || took > 1002 {
					t.Errorf("begun %d00 µs behind a millisecond: message %d came after %d ms", phase, n, took)
				}
			}
			r.must(r.stop())
		})
	}
}

// TestRandomTimers: with restarts, and an index that is lost or not, each message comes once,
// and within 100 ms of its time if somebody is there.
func TestRandomTimers(t *testing.T) {
	for seed := range uint64(6) {
		bubble(t, func(r *rig) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			r.must(r.start())
			due := map[int]int64{}
			restarts := []int64{}
			n := 0
			for range 8 {
				for range rnd.IntN(60) {
					n++
					in := 1 + rnd.Int64N(3600_000)
					due[n] = r.wall() + in
					name, value := PropertyDelayMs, in
					if rnd.IntN(2) == 0 {
						name, value = PropertyDeliverMs, due[n]
					}
					r.must(r.send(n, name, value))
				}
				time.Sleep(time.Duration(rnd.IntN(1200)) * time.Second)
				if rnd.IntN(2) == 0 {
					r.must(r.stop())
					if rnd.IntN(2) == 0 {
						r.must(r.fs.Remove("meta.db"))
					}
					time.Sleep(time.Duration(rnd.IntN(100)) * time.Second)
					r.must(r.start())
					restarts = append(restarts, r.wall())
				}
			}
			time.Sleep(time.Hour)
			came := r.came()
			for n, at := range due {
				got, ok := came[n]
				late := at
				for _, up := range restarts {
					if up >= at && up-at < 100_000 { // nobody was there
						late = max(late, up)
					}
				}
				if !ok || got < at || got > late+100 {
					t.Errorf("seed %d: message %d came at %d (%v), want %d", seed, n, got, ok, at)
				}
			}
			if len(came) != n {
				t.Errorf("seed %d: %d messages came, want %d", seed, len(came), n)
			}
			r.must(r.stop())
		})
	}
}

// TestMoreThanMemoryHolds: what waits is in the file, and comes all the same.
func TestMoreThanMemoryHolds(t *testing.T) {
	const memory = 500
	bubble(t, func(r *rig) {
		r.memory = memory
		r.must(r.start())
		const all = memory + 500
		var done sync.WaitGroup
		for n := range all {
			m := record.Message{
				Topic: "T", BornHost: netip.MustParseAddrPort("10.0.0.1:4711"), Body: []byte(strconv.Itoa(n)),
				Properties: fmt.Sprintf("UNIQ_KEY\x01K%d\x02%s\x01%d", n, PropertyDelayMs, 3600_000+int64(n*7919%all)),
			}
			_, err := Defer(&m, r.wall(), threeDays, 100)
			r.must(err)
			done.Add(1)
			r.must(r.st.Put([]record.Message{m}, func(error) { done.Done() }))
		}
		done.Wait()
		synctest.Wait()
		if s, err := r.st.TimerState(); err != nil || s.From < memory {
			t.Errorf("the file has the timers before %d, %v, want at least %d", s.From, err, memory)
		}
		r.must(r.stop())
		r.must(r.start())
		time.Sleep(time.Hour - time.Second)
		if got := len(r.came()); got != 0 {
			t.Errorf("%d came before their time", got)
		}
		time.Sleep(time.Minute)
		if got := len(r.came()); got != all {
			t.Errorf("%d came, want %d", got, all)
		}
		r.must(r.stop())
	})
}

// TestAWallClockThatSteps: a span is a span; a time of delivery is when the wall clock says so.
func TestAWallClockThatSteps(t *testing.T) {
	bubble(t, func(r *rig) {
		r.must(r.start())
		r.must(r.send(1, PropertyDelaySec, 600))
		r.must(r.send(2, PropertyDeliverMs, r.wall()+3600_000))
		r.step.Store(7200_000)
		time.Sleep(11 * time.Second)
		if got := r.came(); len(got) != 1 || got[2] == 0 {
			t.Errorf("after a step of two hours %v came, want 2 alone", got)
		}
		r.must(r.stop()) // the step is no time that passed
		r.must(r.start())
		time.Sleep(580 * time.Second)
		if got := r.came(); len(got) != 1 {
			t.Errorf("after 591 s %v came, want 2 alone", got)
		}
		time.Sleep(10 * time.Second)
		if got := r.came(); len(got) != 2 {
			t.Errorf("after 601 s %v came, want both", got)
		}
		r.must(r.stop())
	})
}

// TestAHaltedStore: what cannot be stored comes later.
func TestAHaltedStore(t *testing.T) {
	bubble(t, func(r *rig) {
		r.must(r.start())
		r.must(r.send(1, PropertyDelayMs, 500))
		r.st.Halt("for a test")
		time.Sleep(time.Minute)
		if got := r.came(); len(got) != 0 {
			t.Errorf("a halted store has %v", got)
		}
		r.st.Resume()
		time.Sleep(15 * time.Second)
		if got := r.came(); len(got) != 1 {
			t.Errorf("then it has %v, want message 1", got)
		}
		r.must(r.stop())
	})
}

// TestPowerCuts: what was answered OK comes once, wherever the power goes.
func TestPowerCuts(t *testing.T) {
	for cut := 10; cut < 120; cut += 7 {
		synctest.Test(t, func(t *testing.T) {
			fs := diskfault.New(diskfault.Plan{Seed: uint64(cut), CutAt: cut, Real: t.TempDir()})
			r := &rig{t: t, fs: fs, stop: func() error { return nil }}
			acked := map[int]bool{}
			if r.start() == nil {
				for n := range 20 {
					if r.send(n, PropertyDelayMs, int64(1+n%4*1000)) != nil {
						break
					}
					acked[n] = true
					time.Sleep(200 * time.Millisecond)
				}
				_ = r.stop()
			}
			r.fs = fs.Restart()
			r.must(r.start())
			time.Sleep(time.Minute)
			came := r.came()
			for n := range acked {
				if _, ok := came[n]; !ok {
					t.Errorf("cut %d: message %d did not come", cut, n)
				}
			}
			r.must(r.stop())
		})
	}
}

// TestPropertiesThatFillARecord: what waits has properties that it had not before, and
// others when it is delivered: what is taken comes all the same.
func TestPropertiesThatFillARecord(t *testing.T) {
	bubble(t, func(r *rig) {
		r.must(r.start())
		taken := map[int]bool{}
		for less := range 240 {
			m := record.Message{
				Topic: "T", BornHost: netip.MustParseAddrPort("10.0.0.1:4711"), Body: []byte(strconv.Itoa(less)),
				Properties: fmt.Sprintf("%s\x01%d\x02PAD\x01", PropertyDelayMs, 60_000),
			}
			m.Properties += strings.Repeat("x", record.MaxProperties-less-len(m.Properties))
			switch err := r.put(&m); {
			case err == nil:
				taken[less] = true
			case !errors.Is(err, record.ErrTooLong):
				t.Fatal(err)
			}
		}
		if len(taken) == 0 || len(taken) == 240 {
			t.Errorf("%d messages of 240 were taken", len(taken))
		}
		time.Sleep(2 * time.Minute)
		came := r.came()
		for less := range taken {
			if _, ok := came[less]; !ok {
				t.Errorf("a message with %d bytes of properties was taken and did not come", record.MaxProperties-less)
			}
		}
		r.must(r.stop())
	})
}

// TestAStopBeforeTheFlush: what was delivered just before a clean stop is not delivered
// again, also without a UNIQ_KEY by which it would be found, and where the log is not on
// flash at once.
func TestAStopBeforeTheFlush(t *testing.T) {
	bubble(t, func(r *rig) {
		r.change = func(o *store.Options) { o.SyncFlush = false }
		r.must(r.start())
		for n := range 3 {
			m := record.Message{
				Topic: "T", BornHost: netip.MustParseAddrPort("10.0.0.1:4711"), Body: []byte(strconv.Itoa(n)),
				Properties: fmt.Sprintf("%s\x01%d", PropertyDelayMs, 100+n),
			}
			r.must(r.put(&m))
		}
		time.Sleep(200 * time.Millisecond)
		if got := r.came(); len(got) != 3 {
			t.Fatalf("%v came, want 3", got)
		}
		r.must(r.stop())
		r.must(r.start())
		time.Sleep(time.Minute)
		if got := r.came(); len(got) != 3 {
			t.Errorf("%v came, want 3", got)
		}
		r.must(r.stop())
	})
}

// An unreadable is a store whose queue of waiting records cannot be read for now.
type unreadable struct {
	Store
	now *atomic.Bool
}

func (u unreadable) Get(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f store.Filter) (store.Result, error) {
	if u.now.Load() {
		return store.Result{}, errors.New("damaged")
	}
	return u.Store.Get(topic, queueID, offset, maxMsgs, maxBytes, f)
}

// TestAQueueThatCannotBeRead: what was read before comes at its time, the rest later.
func TestAQueueThatCannotBeRead(t *testing.T) {
	bubble(t, func(r *rig) {
		var now atomic.Bool
		r.wrap = func(st *store.Store) Store { return unreadable{st, &now} }
		r.must(r.start())
		r.must(r.send(1, PropertyDelayMs, 2000))
		synctest.Wait()
		now.Store(true)
		r.must(r.send(2, PropertyDelayMs, 1000))
		due := r.wall() + 2000
		time.Sleep(time.Minute)
		if got := r.came(); len(got) != 1 || got[1] > due+100 {
			t.Errorf("%v came, want message 1 at %d", got, due)
		}
		now.Store(false)
		time.Sleep(15 * time.Second)
		if got := r.came(); len(got) != 2 {
			t.Errorf("then %v came, want both", got)
		}
		r.must(r.stop())
	})
}

// A damagedIndex is a store whose index's file has a block of timers that cannot be read.
type damagedIndex struct {
	Store
	forgotten *bool
}

func (d damagedIndex) OldestTimers(limit int) ([]index.LaneTimer, error) {
	if !*d.forgotten {
		return nil, index.ErrDamaged
	}
	return d.Store.OldestTimers(limit)
}

func (d damagedIndex) GoesNext() (int64, bool) {
	if *d.forgotten {
		return d.Store.GoesNext()
	}
	return d.SegmentSize(), true
}

func (d damagedIndex) ForgetTimers() error {
	*d.forgotten = true
	return d.Store.ForgetTimers()
}

// TestDamageThatIsFoundLater: timers that cannot be read are read from the log again,
// whenever that is found: behind those that are read at a start too.
func TestDamageThatIsFoundLater(t *testing.T) {
	bubble(t, func(r *rig) {
		forgotten := false
		r.wrap = func(st *store.Store) Store { return damagedIndex{st, &forgotten} }
		r.must(r.start())
		r.must(r.send(1, PropertyDelayMs, 1))
		r.must(r.send(2, PropertyDelayMs, 60_000))
		time.Sleep(2 * time.Minute)
		if got := r.came(); len(got) != 2 || !forgotten {
			t.Errorf("%v came, want both; forgotten: %v", got, forgotten)
		}
		r.must(r.stop())
	})
}
