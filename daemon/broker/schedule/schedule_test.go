package schedule

import (
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

// TestEveryLevel delivers one message of each at its time, and as it came.
func TestEveryLevel(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		began := time.Now()
		for i := range r.levels {
			r.mustPut(r.later(i, int32(i+1)))
		}
		for i, d := range r.levels {
			time.Sleep(time.Until(began.Add(d)) - time.Millisecond)
			synctest.Wait()
			id := int32(i % 2)
			if got := len(r.queue("T", id)); got != i/2 {
				t.Fatalf("level %d: %d messages a millisecond too early, want %d", i+1, got, i/2)
			}
			time.Sleep(2 * time.Millisecond)
			synctest.Wait()
			all := r.queue("T", id)
			if len(all) != i/2+1 {
				t.Fatalf("level %d: %d messages after %v, want %d", i+1, len(all), d, i/2+1)
			}
			m, w := all[i/2], r.queue(Topic, int32(i))[0]
			if m.PhyOffset <= w.PhyOffset || m.StoreTimestamp < w.StoreTimestamp+d.Milliseconds() {
				t.Errorf("level %d: at %d stored at %d, it waited at %d since %d", i+1, m.PhyOffset, m.StoreTimestamp, w.PhyOffset, w.StoreTimestamp)
			}
			m.Topic, m.QueueID, m.QueueOffset, m.PhyOffset, m.StoreTimestamp = w.Topic, w.QueueID, w.QueueOffset, w.PhyOffset, w.StoreTimestamp
			if got, want := fmt.Sprintf("%+v", m), fmt.Sprintf("%+v", w); got != want {
				t.Errorf("level %d: delivered as\n%s, want\n%s", i+1, got, want)
			}
		}
		for i := range r.levels {
			if next, ok := r.st.Progress(Topic, int32(i)); next != 1 || !ok {
				t.Errorf("level %d is at %d, %v; want 1", i+1, next, ok)
			}
		}
		r.mustStop()
	})
}

// TestNotAMillisecondEarly: wherever between two milliseconds the scheduler begins, and a
// message comes, its delay is kept by the clock that gives store timestamps.
func TestNotAMillisecondEarly(t *testing.T) {
	for phase := range 10 {
		bubble(t, func(t *testing.T, r *rig) {
			time.Sleep(time.Duration(phase) * 100 * time.Microsecond)
			r.mustStart()
			for n := range 20 {
				time.Sleep(time.Duration(n) * 170 * time.Microsecond)
				r.mustPut(r.later(n, 1))
			}
			time.Sleep(2 * r.levels[0])
			synctest.Wait()
			all := append(r.queue("T", 0), r.queue("T", 1)...)
			if len(all) != 20 {
				t.Fatalf("%d messages came", len(all))
			}
			sent := map[string]int64{}
			for _, m := range r.queue(Topic, 0) {
				sent[string(m.Body)] = m.StoreTimestamp
			}
			for _, m := range all {
				if took := m.StoreTimestamp - sent[string(m.Body)] - r.levels[0].Milliseconds(); took < 0 || took > 2 {
					t.Errorf("begun %d00 µs behind a millisecond: %q came after %d ms more than its delay", phase, m.Body, took)
				}
			}
			r.mustStop()
		})
	}
}

// TestGoldenDelivery: of the waiting record that Apache's brokers stored comes what they
// delivered, but for where and when.
func TestGoldenDelivery(t *testing.T) {
	for _, version := range []string{"4.9.7", "5.4.0"} {
		text, err := os.ReadFile("../../../store/record/testdata/commitlog-" + version + "-mixed.hex")
		if err != nil {
			t.Fatal(err)
		}
		var digits strings.Builder
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "#") {
				digits.WriteString(strings.TrimSpace(line))
			}
		}
		log, err := hex.DecodeString(strings.ReplaceAll(digits.String(), " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		var waits, came *record.View
		for len(log) > 0 {
			v, err := record.Parse(log, record.Limits{})
			if err != nil {
				break // a filler
			}
			log = log[v.Size():]
			if string(v.Topic()) == Topic {
				waits = &v
			} else if waits != nil && string(v.Body()) == string(waits.Body()) {
				came = &v
			}
		}
		if waits == nil || came == nil {
			t.Fatalf("%s: no delayed message in the capture", version)
		}
		m, err := delivered(waits)
		if err != nil {
			t.Fatal(err)
		}
		want := came.Message()
		m.PhyOffset, m.QueueOffset, m.StoreTimestamp = want.PhyOffset, want.QueueOffset, want.StoreTimestamp
		if got, want := fmt.Sprintf("%+v", m), fmt.Sprintf("%+v", want); got != want {
			t.Errorf("%s: delivered as\n%s, want\n%s", version, got, want)
		}
		if !same(came, waits, &m) {
			t.Errorf("%s: what was delivered is not recognized", version)
		}
		// And as a client sent it, it waits as Apache's did.
		sent := waits.Message()
		for _, name := range []string{propertyRealTopic, propertyRealQueue} {
			sent.Properties = record.RemoveProperty(sent.Properties, name)
		}
		sent.Topic, sent.QueueID = "PeerTopic", 0
		Defer(&sent, 2, 18)
		theirs := waits.Message()
		if got, want := inOrder(sent.Properties), inOrder(theirs.Properties); got != want || sent.Topic != theirs.Topic || sent.QueueID != theirs.QueueID {
			t.Errorf("%s: waits in %s %d with\n%q, want %s %d with\n%q", version, sent.Topic, sent.QueueID, got, theirs.Topic, theirs.QueueID, want)
		}
	}
}

func inOrder(props string) string {
	all := strings.Split(strings.TrimSuffix(props, "\x02"), "\x02")
	slices.Sort(all)
	return strings.Join(all, "\x02")
}

func TestDefer(t *testing.T) {
	tests := []struct {
		level  int32
		props  string
		queue  int32
		stored string
	}{
		{3, "", 2, "DELAY\x013\x02REAL_TOPIC\x01T\x02REAL_QID\x015"},
		{3, "A\x01b\x02DELAY\x013\x02", 2, "A\x01b\x02DELAY\x013\x02REAL_TOPIC\x01T\x02REAL_QID\x015"},
		{99, "DELAY\x0199\x02A\x01b", 17, "A\x01b\x02DELAY\x0118\x02REAL_TOPIC\x01T\x02REAL_QID\x015"},
		{4, "DELAY\x013\x02REAL_TOPIC\x01U\x02REAL_QID\x010\x02A\x01b", 3, "A\x01b\x02DELAY\x014\x02REAL_TOPIC\x01T\x02REAL_QID\x015"}, // once more
		{2147483647, "", 17, "DELAY\x0118\x02REAL_TOPIC\x01T\x02REAL_QID\x015"},
	}
	for _, test := range tests {
		m := record.Message{Topic: "T", QueueID: 5, Properties: test.props}
		Defer(&m, test.level, 18)
		if m.Topic != Topic || m.QueueID != test.queue || m.Properties != test.stored {
			t.Errorf("level %d, %q: %s queue %d %q, want queue %d %q", test.level, test.props, m.Topic, m.QueueID, m.Properties, test.queue, test.stored)
		}
	}
}

// TestNowhereToGo: a record that does not say where it goes, or to halves of
// transactions, does not keep others from being delivered.
func TestNowhereToGo(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		for i, real := range [][2]string{{"", "0"}, {"T", ""}, {"T", "-1"}, {"T", "x"}, {Topic, "0"}, {halfTopic, "0"}, {"a b", "0"}} {
			m := r.later(i, 1)
			m.Properties = "REAL_TOPIC\x01" + real[0] + "\x02REAL_QID\x01" + real[1]
			r.mustPut(m)
		}
		r.mustPut(r.later(100, 1))
		time.Sleep(1100 * time.Millisecond)
		r.want("after the delay", "100")
		if n := strings.Count(r.log.String(), "is not delivered"); n != 7 {
			t.Errorf("%d are said not to be delivered, want 7:\n%s", n, r.log)
		}
		r.mustStop()
	})
}

// TestOverARestart: what was due while nothing ran comes at once, the rest at its time,
// and nothing twice.
func TestOverARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		r.mustPut(r.later(1, 1), r.later(2, 2), r.later(3, 3), r.later(4, 4))
		time.Sleep(1100 * time.Millisecond)
		r.want("before", "1")
		r.mustStop()
		time.Sleep(5 * time.Second)
		r.mustStart()
		r.want("at the start", "1 2")
		time.Sleep(3800 * time.Millisecond)
		r.want("just before the third", "1 2")
		time.Sleep(200 * time.Millisecond)
		r.want("with the third", "1 2 3")
		r.mustPut(r.later(5, 3))
		time.Sleep(30 * time.Second)
		r.want("in the end", "1 2 3 4 5")
		r.mustStop()
		r.mustStart()
		time.Sleep(time.Minute)
		r.want("after another start", "1 2 3 4 5")
		r.mustStop()
	})
}

// TestPowerCutAtEveryOperation: what was acknowledged is delivered once, wherever the
// power went: before the delivery, between it and the note of it, or while what is due
// is delivered again. With ASYNC_FLUSH what was acknowledged may be lost, but not
// because it was noted as delivered before its delivery was on flash.
func TestPowerCutAtEveryOperation(t *testing.T) {
	for _, sync := range []bool{true, false} {
		t.Run(map[bool]string{true: "SYNC_FLUSH", false: "ASYNC_FLUSH"}[sync], func(t *testing.T) {
			tried := 0
			by := 1
			if testing.Short() {
				by = 5
			}
			for cut, through := 1, false; !through; cut += by {
				synctest.Test(t, func(t *testing.T) {
					fs := diskfault.New(diskfault.Plan{Seed: uint64(cut), CutAt: cut, Real: t.TempDir()})
					r := &rig{t: t, fs: fs, change: func(o *store.Options) { o.SyncFlush = sync }}
					acked, err := r.live()
					if through = err == nil && !fs.Struck(); through {
						return
					}
					tried++
					r.fs = fs.Restart()
					r.mustStart()
					if !sync { // what is left of what waits
						left := map[int]bool{}
						for id := range int32(2) {
							for _, m := range r.queue(Topic, id) {
								var n int
								if _, err := fmt.Sscanf(string(m.Body), "message %d", &n); err != nil {
									t.Fatal(err)
								}
								left[n] = acked[n]
							}
						}
						acked = left
					}
					time.Sleep(10 * time.Second)
					times := map[string]int{}
					for body := range strings.FieldsSeq(r.came()) {
						times[body]++
					}
					for n := range 12 {
						times := times[strconv.Itoa(n)]
						if acked[n] && times != 1 || times > 1 {
							t.Errorf("cut %d: message %d, acknowledged: %v, is delivered %d times", cut, n, acked[n], times)
						}
					}
					r.mustStop()
				})
			}
			t.Logf("power was cut at %d points", tried)
		})
	}
}

// live is one run of the workload of a power cut, and what was acknowledged in it.
func (r *rig) live() (acked map[int]bool, err error) {
	acked = map[int]bool{}
	if err := r.start(); err != nil {
		return acked, err
	}
	for n := range 12 {
		if perr := r.put(r.later(n, int32(1+n%2))); perr == nil {
			acked[n] = true
		} else {
			err = perr
		}
		time.Sleep(700 * time.Millisecond)
	}
	time.Sleep(2 * time.Second) // some of level 2 are not due
	if serr := r.stop(); err == nil {
		err = serr
	}
	return acked, err
}

// TestAHaltedStore: what is due waits until the store goes on, and is tried less and less
// often meanwhile.
func TestAHaltedStore(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		r.mustPut(r.later(1, 1), r.later(2, 1))
		r.st.Halt("for this test")
		time.Sleep(time.Hour)
		r.want("while nothing is stored", "")
		if n := strings.Count(r.log.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings, want 1:\n%s", n, r.log)
		}
		r.st.Resume()
		time.Sleep(11 * time.Second)
		r.want("when it goes on", "1 2")
		if n := strings.Count(r.log.String(), "delivered again"); n != 1 {
			t.Errorf("that it works again is said %d times:\n%s", n, r.log)
		}
		r.mustStop()
	})
}

// TestATopicAtItsQuota takes no message for now: others do not wait for it.
func TestATopicAtItsQuota(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.change = func(o *store.Options) {
			o.Quota = func(topic string) int64 {
				if topic == "Full" {
					return 400
				}
				return 0
			}
		}
		r.mustStart()
		fill := r.later(0, 1)
		fill.Topic, fill.Properties, fill.Body = "Full", "", make([]byte, 250)
		r.mustPut(fill)
		m := r.later(1, 1)
		m.Properties = strings.Replace(m.Properties, "REAL_TOPIC\x01T", "REAL_TOPIC\x01Full", 1)
		r.mustPut(m, r.later(2, 1))
		time.Sleep(1100 * time.Millisecond)
		r.want("after the delay", "2")
		again := r.queue(Topic, 14-1)
		if len(again) != 1 || len(r.queue("Full", 1)) != 0 || inOrder(again[0].Properties) != inOrder(strings.Replace(m.Properties, "DELAY\x011", "DELAY\x0114", 1)) {
			t.Errorf("waits again: %+v", again)
		}
		r.mustStop()
	})
}

// TestLevelsAreTakenAway: what waits at one of them comes with the longest delay.
func TestLevelsAreTakenAway(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		r.mustPut(r.later(1, 18), r.later(2, 2))
		r.mustStop()
		r.levels = []time.Duration{time.Second, 20 * time.Second}
		r.mustStart()
		r.mustPut(r.later(3, 18))
		if n := len(r.queue(Topic, 1)); n != 2 {
			t.Errorf("%d messages at the last level, want 2", n)
		}
		time.Sleep(19 * time.Second)
		r.want("before the delay", "")
		time.Sleep(2 * time.Second)
		r.want("after it", "1 2 3")
		r.mustStop()
	})
}

// TestGivenBack: messages whose segment is gone are counted, and those behind them
// delivered.
func TestGivenBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.change = func(o *store.Options) { o.Reserved = time.Hour }
		r.mustStart()
		r.mustPut(r.later(1, 18))
		for range 3 { // a segment each
			m := r.later(0, 1)
			m.Topic, m.Properties, m.Body = "Other", "", make([]byte, segment*3/4)
			r.mustPut(m)
		}
		time.Sleep(90 * time.Minute)
		r.mustPut(r.later(2, 18))
		time.Sleep(2*time.Hour + time.Second)
		r.want("after the delay", "2")
		if !strings.Contains(r.log.String(), "level=18 messages=1") {
			t.Errorf("that one is gone is not said:\n%s", r.log)
		}
		r.mustStop()
	})
}

// TestProgressBeyondTheQueue: what is stored next is not passed over.
func TestProgressBeyondTheQueue(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		r.st.CommitProgress(Topic, 0, 100)
		r.mustStop()
		r.mustStart()
		r.mustPut(r.later(1, 1))
		time.Sleep(2 * time.Second)
		r.want("after the delay", "1")
		r.mustStop()
	})
}

// TestManyAtOnce delivers more than are taken at a time, in their order.
func TestManyAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		var want []string
		for n := range 1000 {
			m := r.later(2*n, 1)
			r.mustPut(m)
			want = append(want, string(m.Body))
		}
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		var got []string
		for _, m := range r.queue("T", 0) {
			got = append(got, string(m.Body))
		}
		if !slices.Equal(got, want) {
			t.Errorf("delivered %d, want %d in their order", len(got), len(want))
		}
		r.mustStop()
	})
}

// TestTheClockIsSet: how long the power was off is not known while the wall clock is
// behind the log. When it is set, what is due by it comes.
func TestTheClockIsSet(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		r.mustPut(r.later(1, 14), r.later(2, 15)) // 10 and 20 minutes
		r.mustStop()
		time.Sleep(11 * time.Minute)
		r.step.Store(-time.Hour.Milliseconds())
		r.mustStart()
		time.Sleep(5 * time.Minute)
		r.want("behind the log", "")
		r.step.Store(0)
		time.Sleep(lookAgain)
		r.want("set", "1")
		r.step.Store(-50 * 365 * 24 * time.Hour.Milliseconds())
		time.Sleep(15 * time.Minute)
		r.want("set back, 20 minutes after the start", "1 2")
		r.mustStop()
	})
}
