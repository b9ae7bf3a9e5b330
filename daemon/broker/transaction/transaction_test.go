package transaction

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

// TestAskedInTime: not before the timeout of the message, then once a round, and at last
// it is given up.
func TestAskedInTime(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.opts.CheckMax = 3
		r.mustStart()
		time.Sleep(26 * time.Second)
		synctest.Wait()
		r.mustPut(newHalf(1, ""))
		r.mustPut(newHalf(2, "\x02CHECK_IMMUNITY_TIME_IN_SECONDS\x0180"))
		time.Sleep(5 * time.Second)
		if n := len(r.take()); n != 0 {
			t.Errorf("asked %d times before the timeout", n)
		}
		var got []string
		for range 8 {
			time.Sleep(30 * time.Second)
			synctest.Wait()
			var round []string
			for _, c := range r.take() {
				checks, _ := record.Property(c.Half.Properties, propertyChecks)
				round = append(round, c.UniqueKey+":"+checks)
				if c.Group != "PG" || c.Topic != "T" || c.Half.QueueOffset < 2 {
					t.Errorf("asked %+v", c)
				}
			}
			got = append(got, strings.Join(round, " "))
		}
		if got, want := strings.Join(got, ","), "K1:1,K1:2,K2:1 K1:3,K2:2,K2:3,,,"; got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
		if all := r.queue(GivenUpTopic, 0); len(all) != 2 || strings.Count(r.log.String(), "given up") != 2 {
			t.Errorf("given up: %+v\n%s", all, r.log)
		}
		r.want("in the end", "")
		if at, ok := r.st.Progress(HalfTopic, 0); !ok || at != r.st.MaxOffset(HalfTopic, 0) {
			t.Errorf("halves are worked off to %d, want %d", at, r.st.MaxOffset(HalfTopic, 0))
		}
		r.mustStop()
	})
}

// TestAnOlderIncarnation: a decision that names the half before it was stored once more
// decides it, and only once.
func TestAnOlderIncarnation(t *testing.T) {
	for _, commit := range []bool{true, false} {
		bubble(t, func(t *testing.T, r *rig) {
			r.mustStart()
			synctest.Wait()
			first := r.mustPut(newHalf(1, ""))
			time.Sleep(65 * time.Second)
			asked := r.take()
			if len(asked) != 2 {
				t.Fatalf("asked %d times", len(asked))
			}
			if err := r.end(first, commit); err != nil {
				t.Fatal(err)
			}
			for _, c := range asked {
				if err := r.end(&c.Half, commit); err != nil {
					t.Error(err)
				}
				if err := r.end(&c.Half, !commit); !errors.Is(err, ErrEnded) {
					t.Errorf("the other decision: %v", err)
				}
			}
			r.mustStop()
			r.mustStart()
			time.Sleep(2 * time.Minute)
			if n := len(r.take()); n != 0 {
				t.Errorf("asked %d times after it has ended", n)
			}
			want := ""
			if commit {
				want = "1"
			}
			r.want("in the end", want)
			r.mustStop()
		})
	}
}

// TestAModel: whatever producers say, when, of which incarnation, and how often, and
// wherever the broker stops, knowing how far it was or not, each half is delivered once,
// rolled back or given up, as the first decision had it.
func TestAModel(t *testing.T) {
	seeds := uint64(30)
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		bubble(t, func(t *testing.T, r *rig) {
			rng := rand.New(rand.NewPCG(seed, 5))
			r.opts.CheckMax = 4
			r.mustStart()
			synctest.Wait()
			known := map[int][]record.Message{} // incarnations
			fate := map[int]string{}
			n := 0
			for range 150 {
				for _, c := range r.take() {
					var k int
					if _, err := fmt.Sscanf(c.UniqueKey, "K%d", &k); err != nil || fate[k] == "committed" || fate[k] == "rolled back" { // it may be given up since
						t.Fatalf("seed %d: asked for %s, which is %q (%v)", seed, c.UniqueKey, fate[k], err)
					}
					known[k] = append(known[k], c.Half)
				}
				switch what := rng.IntN(12); {
				case what < 4:
					known[n] = []record.Message{*r.mustPut(newHalf(n, ""))}
					n++
				case what < 9 && n > 0:
					k := rng.IntN(n)
					m, commit := known[k][rng.IntN(len(known[k]))], rng.IntN(2) == 0
					switch err := r.end(&m, commit); {
					case err == nil && fate[k] == "":
						fate[k] = map[bool]string{true: "committed", false: "rolled back"}[commit]
					case err == nil && (fate[k] == "committed") != commit, err != nil && !errors.Is(err, ErrEnded):
						t.Fatalf("seed %d: message %d is %q, commit %v says %v", seed, k, fate[k], commit, err)
					}
				case what < 11:
					time.Sleep(time.Duration(rng.IntN(40)) * time.Second)
					synctest.Wait()
				default:
					if rng.IntN(2) == 0 { // as at a slave that takes over and was not told
						for _, topic := range []string{HalfTopic, OpTopic} {
							if err := r.st.ResetProgress(topic, 0, 0); err != nil {
								t.Fatal(err)
							}
						}
					}
					r.mustStop()
					r.mustStart()
					synctest.Wait()
				}
				for _, m := range r.queue(GivenUpTopic, 0) {
					var k int
					if _, err := fmt.Sscanf(string(m.Body), "message %d", &k); err != nil || fate[k] == "committed" {
						t.Fatalf("seed %d: %q is given up and %q", seed, m.Body, fate[k])
					}
					if fate[k] == "" {
						fate[k] = "given up"
					}
				}
			}
			times := map[string]int{}
			for body := range strings.FieldsSeq(r.came()) {
				times[body]++
			}
			for k := range n {
				want := 0
				if fate[k] == "committed" {
					want = 1
				}
				if got := times[fmt.Sprint(k)]; got != want {
					t.Errorf("seed %d: message %d is %q and delivered %d times", seed, k, fate[k], got)
				}
			}
			r.mustStop()
		})
	}
}

// TestPowerCutAtEveryOperation: a half that was acknowledged is still there, or has ended;
// a decision that was acknowledged holds; nothing is delivered twice, or rolled back and
// delivered.
func TestPowerCutAtEveryOperation(t *testing.T) {
	tried, by := 0, 1
	if testing.Short() {
		by = 7
	}
	for cut, through := 1, false; !through; cut += by {
		synctest.Test(t, func(t *testing.T) {
			fs := diskfault.New(diskfault.Plan{Seed: uint64(cut), CutAt: cut, Real: t.TempDir()})
			r := &rig{t: t, fs: fs, stop: func() error { return nil }}
			sent, ended, err := r.live()
			if through = err == nil && !fs.Struck(); through {
				return
			}
			tried++
			r.take()
			r.fs = fs.Restart()
			r.mustStart()
			for range 3 { // whoever is asked commits, except for what it has rolled back
				time.Sleep(31 * time.Second)
				synctest.Wait()
				for _, c := range r.take() {
					if ended[c.UniqueKey] != "" {
						t.Errorf("cut %d: asked for %s, which is %s", cut, c.UniqueKey, ended[c.UniqueKey])
					}
					if err := r.end(&c.Half, true); err != nil {
						t.Errorf("cut %d: %s: %v", cut, c.UniqueKey, err)
					}
				}
			}
			times := map[string]int{}
			for body := range strings.FieldsSeq(r.came()) {
				times["K"+body]++
			}
			for key := range sent {
				want := 1
				if ended[key] == "rolled back" {
					want = 0
				}
				if times[key] > 1 || sent[key] && ended[key] != "" && times[key] != want {
					t.Errorf("cut %d: %s, acknowledged: %v, %q, is delivered %d times", cut, key, sent[key], ended[key], times[key])
				}
			}
			r.mustStop()
		})
	}
	t.Logf("power was cut at %d points", tried)
}

// live is one run of the workload of a power cut: what was sent and acknowledged, and
// which decisions were.
func (r *rig) live() (sent map[string]bool, ended map[string]string, err error) {
	sent, ended = map[string]bool{}, map[string]string{}
	note := func(e error) bool {
		if e != nil && err == nil {
			err = e
		}
		return e == nil
	}
	if !note(r.start()) {
		return sent, ended, err
	}
	synctest.Wait()
	for n := range 9 {
		key := fmt.Sprintf("K%d", n)
		sent[key] = false
		m, e := r.put(newHalf(n, ""))
		if note(e) {
			sent[key] = true
			if n%3 < 2 && note(r.end(m, n%3 == 0)) {
				ended[key] = []string{"committed", "rolled back"}[n%3]
			}
		}
		time.Sleep(8 * time.Second)
	}
	synctest.Wait()
	for _, c := range r.take() {
		if c.UniqueKey == "K2" && ended["K2"] == "" && note(r.end(&c.Half, true)) {
			ended["K2"] = "committed"
		}
	}
	note(r.stop())
	return sent, ended, err
}

// TestAHaltedStore: decisions are refused, and nothing has changed when it goes on.
func TestAHaltedStore(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		synctest.Wait()
		m := r.mustPut(newHalf(1, ""))
		r.st.Halt("for this test")
		for _, commit := range []bool{true, false} {
			if err := r.end(m, commit); !errors.Is(err, store.ErrHalted) {
				t.Errorf("commit %v: %v", commit, err)
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := strings.Count(r.log.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings, want 1:\n%s", n, r.log)
		}
		r.st.Resume()
		if err := r.end(m, true); err != nil {
			t.Error(err)
		}
		r.want("when it goes on", "1")
		r.mustStop()
	})
}

// TestManyDecideOnce: of decisions that come at once one is done, and all are answered
// when it is on flash.
func TestManyDecideOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		synctest.Wait()
		m := r.mustPut(newHalf(1, ""))
		answers := make(chan error, maxWaiting+3)
		for range maxWaiting + 3 {
			d := Decision{Group: "PG", QueueOffset: m.QueueOffset, PhyOffset: m.PhyOffset, Commit: true}
			if err := r.c.End(d, func(err error) { answers <- err }); err != nil {
				answers <- err
			}
		}
		for range maxWaiting + 3 {
			if err := <-answers; err != nil && !errors.Is(err, ErrBusy) {
				t.Error(err)
			}
		}
		r.want("then", "1")
		r.mustStop()
	})
}
