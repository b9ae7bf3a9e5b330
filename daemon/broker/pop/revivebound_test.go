package pop

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

// revives has what the revive topic says come again by a service of its own, with what
// change makes of its options, while meanwhile runs and then for so long. It returns how
// long the service took to stop, and the messages that came again in G's retry topic.
func (r *rig) revives(change func(*Options), meanwhile func(*Service), long time.Duration) (stop time.Duration, come []string) {
	r.t.Helper()
	if err := r.st.PutTopic(table.Topic{Name: reviveTopic, ReadQueueNums: 1, WriteQueueNums: 1, Perm: 6}); err != nil {
		r.t.Fatal(err)
	}
	if err := r.st.PutGroup(table.DefaultGroup("G")); err != nil {
		r.t.Fatal(err)
	}
	o := r.s.o
	o.Revive = reviveTopic
	change(&o)
	s, err := New(o)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	meanwhile(s)
	time.Sleep(long)
	synctest.Wait()
	cancel()
	began := time.Now()
	<-ended
	stop = time.Since(began)
	retry := RetryTopic("G", "T")
	for offset := range r.st.MaxOffset(retry, 0) {
		_, v, err := s.message(retry, 0, offset)
		if err != nil || v == nil {
			r.t.Fatalf("%v, %v", v, err)
		}
		come = append(come, string(v.Body()))
	}
	return stop, come
}

// gaveOut is the record of one message of queue 0 of T, given out now for five seconds.
func gaveOut(group string, offset int64) string {
	return fmt.Sprintf(`{"bn":"b","c":%q,"it":5000,"n":1,"pt":%d,"q":0,"so":%d,"t":"T"}`, group, time.Now().UnixMilli(), offset)
}

// A slowStore answers each Put later, as one whose slave is away.
type slowStore struct {
	*store.Store
	by time.Duration
}

func (s slowStore) Put(ms []record.Message, done func(error)) error {
	return s.Store.Put(ms, func(err error) { time.AfterFunc(s.by, func() { done(err) }) })
}

// TestRevivingHoldsNothingUp: while much comes again of what an Apache master gave out, and
// each Put takes long, what was popped here comes again in its time, and a stop is soon.
func TestRevivingHoldsNothingUp(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		const many = 200
		for n := range 2 * many {
			if err := r.put(n); err != nil {
				t.Fatal(err)
			}
		}
		for n := range many {
			r.note("ck", gaveOut("G", int64(n)))
		}
		const slow = 2 * time.Second
		stop, come := r.revives(func(o *Options) { o.Store = slowStore{r.st, slow} }, func(s *Service) {
			p, err := s.Pop(&Request{Group: "H", Topic: "T", Queues: 2, QueueID: 1, Max: 1, Invisible: 9_000})
			if err != nil || p.Topic == "" {
				t.Fatalf("popped %+v, %v", p, err)
			}
			p.Result.Release()
		}, 9*time.Second+3*slow)
		if stop > 2*slow {
			t.Errorf("a stop takes %v", stop)
		}
		if n := r.st.MaxOffset(RetryTopic("H", "T"), 0); n != 1 {
			t.Errorf("%d messages that were popped here have come again, want 1", n)
		}
		if len(come) == 0 {
			t.Error("nothing has come of what the master gave out")
		}
		_, come = r.revives(func(*Options) {}, func(*Service) {}, time.Minute)
		seen := map[string]bool{}
		for _, body := range come {
			seen[body] = true
		}
		if len(seen) != many {
			t.Errorf("%d messages have come in the end, want %d", len(seen), many)
		}
		r.mustStop()
	})
}

// A begunStore has lost what lies before an offset of each queue.
type begunStore struct {
	*store.Store
	first int64
}

func (s begunStore) MinOffset(string, int32) int64 { return s.first }

// TestReviveOffsetOutsideItsQueue: an offset that a master told, and that the queue here
// does not reach or has lost, passes over no record.
func TestReviveOffsetOutsideItsQueue(t *testing.T) {
	for _, at := range []int64{0, 2, 90} { // a start brings an offset into its queue, here 0 to 2, not behind the record before
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.mustStart()
				for n := range 8 {
					if err := r.put(n); err != nil {
						t.Fatal(err)
					}
				}
				r.note("ack", "{}")
				first := int64(0)
				if at == 0 {
					first = 1
					r.note("ck", gaveOut("G", 1))
				} else {
					r.note("ack", "{}")
				}
				if err := r.st.ResetOffsets([]table.Offset{{Group: reviveGroup, Topic: reviveTopic, Offset: max(at, first)}}); err != nil {
					t.Fatal(err)
				}
				_, come := r.revives(func(o *Options) { o.Store = begunStore{r.st, first} }, func(s *Service) {
					if at > 0 {
						r.note("ck", gaveOut("G", 1))
						s.Arrived([]store.Arrival{{Topic: reviveTopic}})
					}
				}, 20*time.Second)
				if fmt.Sprint(come) != "[2]" {
					t.Errorf("there came %q, want 2", come)
				}
				r.mustStop()
			})
		})
	}
}

// TestReviveKeepsNoLongNames: neither records nor acknowledgements, which may be anybody's,
// have names kept that nothing has.
func TestReviveKeepsNoLongNames(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		if err := r.put(0); err != nil {
			t.Fatal(err)
		}
		long := strings.Repeat("x", 20<<10)
		r.note("ck", gaveOut(long, 0))
		r.note("ck", strings.Replace(gaveOut("G", 0), `"T"`, `"`+long+`"`, 1))
		r.revives(func(*Options) {}, func(s *Service) {
			time.Sleep(time.Second)
			synctest.Wait()
			if n := len(s.revival.queues[0].waiting); n != 0 {
				t.Errorf("%d records wait, of long names", n)
			}
			h := Handle{PopTime: time.Now().UnixMilli() - 60_000, Invisible: 1}
			for i := range int64(5) {
				s.Ack(long, "T", 0, i, h)
				s.Ack("G", long, 0, i, h)
				s.Ack("who", "T", 0, i, h)
			}
			s.Ack("G", "T", 0, 0, h)
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.late) != 1 {
				t.Errorf("%d late acknowledgements are kept, want 1", len(s.late))
			}
		}, time.Second)
		r.mustStop()
	})
}

// TestReviveByAWrongClock: where the wall clock, or that of the master before, is wrong,
// messages come again soon, and with them those whose records lie behind.
func TestReviveByAWrongClock(t *testing.T) {
	for _, by := range []time.Duration{-20 * 365 * 24 * time.Hour, 20 * 365 * 24 * time.Hour} {
		bubble(t, func(t *testing.T, r *rig) {
			r.mustStart()
			for n := range 8 {
				if err := r.put(n); err != nil {
					t.Fatal(err)
				}
			}
			for _, at := range []int64{time.Now().Add(by).UnixMilli(), 1<<63 - 1, 1 << 62, 0} {
				r.note("ck", fmt.Sprintf(`{"c":"G","it":5000,"n":1,"pt":%d,"q":0,"so":0,"t":"T"}`, max(at, 0)))
			}
			r.note("ck", gaveOut("G", 1))
			_, come := r.revives(func(o *Options) { o.Wall = func() int64 { return time.Now().Add(by).UnixMilli() } }, func(*Service) {
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if n := r.st.MaxOffset(RetryTopic("G", "T"), 0); n != 0 {
					t.Errorf("by a clock that is wrong by %v %d messages come without a wait for acknowledgements", by, n)
				}
			}, 80*time.Second)
			if n := len(come); n < 3 || come[n-1] != "2" {
				t.Errorf("by a clock that is wrong by %v there came %q, want 2 last", by, come)
			}
			r.mustStop()
		})
	}
}

// TestReviveWhatHasNoPlace: what no retry topic can be for does not hold up what is behind.
func TestReviveWhatHasNoPlace(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		for n := range 8 {
			if err := r.put(n); err != nil {
				t.Fatal(err)
			}
		}
		long := strings.Repeat("g", table.MaxTopicName)
		if err := r.st.PutGroup(table.DefaultGroup(long)); err != nil {
			t.Fatal(err)
		}
		r.note("ck", gaveOut(long, 0))
		r.note("ck", gaveOut("G", 1))
		_, come := r.revives(func(o *Options) {
			o.Make = func(topic string) error {
				if err := table.CheckTopicName(topic); err != nil {
					return err
				}
				return r.s.o.Make(topic)
			}
		}, func(*Service) {}, 30*time.Second)
		if fmt.Sprint(come) != "[2]" {
			t.Errorf("there came %q, want 2", come)
		}
		r.mustStop()
	})
}

// TestReviveSaysItOnce: neither a disk that stays full nor what is gone fills the log.
func TestReviveSaysItOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		if err := r.put(0); err != nil {
			t.Fatal(err)
		}
		r.note("ck", strings.Replace(gaveOut("G", 10), `"n":1`, `"n":100`, 1))
		r.note("ck", gaveOut("G", 0))
		_, come := r.revives(func(o *Options) { o.Store = fullStore{r.st} }, func(*Service) {}, 5*time.Minute)
		if n := strings.Count(r.log.String(), "level=WARN"); n != 2 || len(come) != 0 {
			t.Errorf("there are %d warnings, want 2:\n%s", n, r.log)
		}
		r.mustStop()
	})
}

// A fullStore takes nothing.
type fullStore struct{ *store.Store }

func (fullStore) Put([]record.Message, func(error)) error { return store.ErrDiskFull }

// TestReviveWhatIsPoppedAnyway: what a group's offset, as the last master told it, has yet
// to pass is popped from there, and does not come again besides.
func TestReviveWhatIsPoppedAnyway(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		for n := range 12 {
			if err := r.put(n); err != nil {
				t.Fatal(err)
			}
		}
		r.note("ck", strings.Replace(gaveOut("G", 1), `"n":1`, `"n":3`, 1)) // m2, m4, m6
		r.st.CommitOffset("G", "T", 0, 2)
		_, come := r.revives(func(*Options) {}, func(s *Service) {
			p, err := s.Pop(&Request{Group: "G", Topic: "T", Queues: 2, QueueID: 0, Max: 1, Invisible: 60_000})
			if err != nil || fmt.Sprint(p.Offsets) != "[2]" {
				t.Fatalf("popped %d, %v", p.Offsets, err)
			}
			p.Result.Release()
			if o := s.Ack("G", "T", 0, 2, Handle{PopTime: p.PopTime, Invisible: p.Invisible}); o != Done {
				t.Errorf("its acknowledgement is %v", o)
			}
		}, 30*time.Second)
		if fmt.Sprint(come) != "[2]" {
			t.Errorf("there came %q, want 2 alone", come)
		}
		r.mustStop()
	})
}

// TestLateAcksByAWrongClock: an acknowledgement of what the last master gave out counts
// also where the clock is behind that master's; one of what was popped here is not kept.
func TestLateAcksByAWrongClock(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		for n := range 12 {
			if err := r.put(n); err != nil {
				t.Fatal(err)
			}
		}
		r.st.CommitOffset("G", "T", 0, 2)
		r.note("ck", gaveOut("G", 1))
		master := time.Now().UnixMilli()
		_, come := r.revives(func(o *Options) { o.Wall = func() int64 { return time.Now().Add(-time.Hour).UnixMilli() } }, func(s *Service) {
			p, err := s.Pop(&Request{Group: "G", Topic: "T", Queues: 2, QueueID: 0, Max: 1, Invisible: 60_000})
			if err != nil || fmt.Sprint(p.Offsets) != "[2]" {
				t.Fatalf("popped %d, %v", p.Offsets, err)
			}
			p.Result.Release()
			for _, want := range []Outcome{Done, Unknown} {
				if o := s.Ack("G", "T", 0, 2, Handle{PopTime: p.PopTime, Invisible: p.Invisible}); o != want {
					t.Errorf("an acknowledgement is %v, want %v", o, want)
				}
			}
			if o := s.Ack("G", "T", 0, 1, Handle{PopTime: master, Invisible: 5000}); o != Unknown {
				t.Errorf("a late acknowledgement is %v", o)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.late) != 1 {
				t.Errorf("%d acknowledgements are kept, want 1", len(s.late))
			}
		}, 30*time.Second)
		if len(come) != 0 {
			t.Errorf("there came %q, which was acknowledged", come)
		}
		r.mustStop()
	})
}

// TestReviveBehindAReset: what the last master gave out does not come again since its group
// was reset, or its topic deleted, whose offsets are other messages by now.
func TestReviveBehindAReset(t *testing.T) {
	for _, what := range []string{"nothing", "reset", "deleted"} {
		bubble(t, func(t *testing.T, r *rig) {
			r.mustStart()
			for n := range 8 {
				if err := r.put(n); err != nil {
					t.Fatal(err)
				}
			}
			r.st.CommitOffset("G", "T", 0, 3)
			r.note("ck", gaveOut("G", 1))
			_, come := r.revives(func(*Options) {}, func(s *Service) {
				var err error
				switch to := []table.Offset{{Group: "G", Topic: "T", Offset: 4}}; what {
				case "reset":
					err = s.Reset(to, func() error { return r.st.ResetOffsets(to) })
				case "deleted":
					err = s.Forget("", "T", func() error { return nil })
				}
				if err != nil {
					t.Error(err)
				}
			}, 30*time.Second)
			if (len(come) == 0) != (what != "nothing") {
				t.Errorf("%s: there came %q", what, come)
			}
			r.mustStop()
		})
	}
}

// TestReviveOfTheSameTwice: a record that was delivered twice has messages come again once,
// without those that were acknowledged in between.
func TestReviveOfTheSameTwice(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		for n := range 8 {
			if err := r.put(n); err != nil {
				t.Fatal(err)
			}
		}
		ck := strings.Replace(gaveOut("G", 1), `"n":1`, `"n":2`, 1)
		r.note("ck", ck)
		r.note("ack", strings.Replace(ck, `"n":2`, `"ao":1`, 1))
		r.note("ck", ck)
		_, come := r.revives(func(*Options) {}, func(*Service) {}, 30*time.Second)
		if fmt.Sprint(come) != "[4]" {
			t.Errorf("there came %q, want 4", come)
		}
		r.mustStop()
	})
}
