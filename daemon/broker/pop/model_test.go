package pop

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store/record"
)

// TestEveryMessageComesUntilItIsAcknowledged does what consumers, operators and the power
// do, in an order made of a seed. Each message that was stored is popped until its
// acknowledgement; one whose acknowledgement was kept never comes again, and none
// comes while it is invisible in the same run.
func TestEveryMessageComesUntilItIsAcknowledged(t *testing.T) {
	for _, async := range []bool{false, true} {
		for seed := range uint64(12) {
			t.Run(fmt.Sprintf("async=%v/%d", async, seed), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.async = async
					newModel(t, r, seed).run()
				})
			})
		}
	}
}

type model struct {
	*rig
	t      *testing.T
	fs     *diskfault.FS
	real   string // folder of what is not simulated
	rng    *rand.Rand
	sent   int
	stored map[string]bool // by body
	acked  map[string]bool
	done   map[string]bool      // records that were acknowledged
	kept   map[string]bool      // of these, those whose acknowledgement is on flash
	had    map[string]taken     // records that were popped in this run and not acknowledged
	until  map[string]time.Time // when they may come again
}

func newModel(t *testing.T, r *rig, seed uint64) *model {
	real := t.TempDir()
	fs := diskfault.New(diskfault.Plan{Seed: seed, Real: real})
	r.fs = fs
	return &model{
		rig: r, t: t, fs: fs, real: real, rng: rand.New(rand.NewPCG(seed, 1)), stored: map[string]bool{}, acked: map[string]bool{}, done: map[string]bool{}, kept: map[string]bool{},
		had: map[string]taken{}, until: map[string]time.Time{},
	}
}

func (m *model) run() {
	m.mustStart()
	for range 150 {
		m.step()
	}
	for deadline := time.Now().Add(10 * time.Minute); len(m.acked) < len(m.stored) && time.Now().Before(deadline); {
		m.popAll(32, true)
		time.Sleep(3 * time.Second)
	}
	for body := range m.stored {
		if !m.acked[body] {
			m.t.Errorf("message %s was stored, and not popped until it was acknowledged", body)
		}
	}
	m.mustStop()
}

func (m *model) step() {
	switch n := m.rng.IntN(100); {
	case n < 30:
		if err := m.put(m.sent); err != nil {
			m.t.Fatal(err)
		}
		m.stored[fmt.Sprint(m.sent)] = true
		m.sent++
	case n < 55:
		m.popAll(1+m.rng.IntN(8), false)
	case n < 70:
		if r, ok := m.one(); ok {
			m.ackOne(r)
		}
	case n < 77:
		if r, ok := m.one(); ok {
			had := m.had[r]
			h, o := m.s.Change("G", had.topic, had.queueID, had.offset, had.handle, 5000)
			if o == Done {
				old := had
				had.handle, m.until[r] = h, time.Now().Add(5*time.Second)
				m.had[r] = had
				if got := m.ack(old); got != Void {
					m.t.Errorf("%s: the old handle is %d, want void", r, got)
				}
			}
		}
	case n < 90:
		time.Sleep(time.Duration(m.rng.IntN(8000)) * time.Millisecond)
	case n < 94: // everything is kept
		time.Sleep(65 * time.Second)
		synctest.Wait()
		m.allKept()
	case n < 97:
		m.mustStop()
		m.allKept()
		m.again()
	default: // the power goes
		m.fs.Arm(diskfault.Plan{CutAt: 1, Seed: m.rng.Uint64(), Real: m.real})
		_ = m.put(m.sent) // takes it
		m.sent++
		_ = m.stop()
		m.fs = m.fs.Restart()
		m.rig.fs = m.fs
		m.done = maps.Clone(m.kept) // the rest may be lost
		m.again()
		m.recount()
	}
}

// one returns a record that is popped and not acknowledged, as the seed has it.
func (m *model) one() (r string, ok bool) {
	all := slices.Sorted(maps.Keys(m.had))
	if len(all) == 0 {
		return "", false
	}
	return all[m.rng.IntN(len(all))], true
}

// recount finds which messages there are after a power cut: all that were acknowledged to
// their sender, with SYNC_FLUSH.
func (m *model) recount() {
	there := map[string]bool{}
	for id := range int32(2) {
		for at := m.st.MinOffset("T", id); at < m.st.MaxOffset("T", id); {
			res, err := m.st.Get("T", id, at, 32, 1<<20, nil)
			if err != nil || res.NextBeginOffset <= at {
				m.t.Fatalf("queue %d at %d: %v, %v", id, at, res.Status, err)
			}
			for body := res.Body; len(body) > 0; {
				v, err := record.Parse(body, record.Limits{})
				if err != nil {
					m.t.Fatal(err)
				}
				there[string(v.Body())] = true
				body = body[v.Size():]
			}
			at = res.NextBeginOffset
		}
	}
	for body := range m.stored {
		if !there[body] && !m.async {
			m.t.Errorf("message %s is not in the log", body)
		}
	}
	m.stored = there
	maps.DeleteFunc(m.acked, func(body string, _ bool) bool { return !there[body] })
}

func (m *model) again() {
	clear(m.had)
	clear(m.until)
	m.mustStart()
}

func (m *model) allKept() {
	maps.Copy(m.kept, m.done)
}

func (m *model) popAll(most int, ack bool) {
	got, err := m.pop(most)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, g := range got {
		r := g.record()
		if m.kept[r] {
			m.t.Errorf("%s was acknowledged, that was kept, and it comes again", r)
		}
		if left := time.Until(m.until[r]); left > 0 {
			m.t.Errorf("%s comes again %v before its time", r, left)
		}
		m.had[r], m.until[r] = g, time.Now().Add(10*time.Second)
		if ack {
			m.ackOne(r)
		}
	}
}

// record names a record: a message that came again is another one. It has the body
// since offsets of what a power cut took are given to others.
func (g *taken) record() string {
	return fmt.Sprintf("%s/%d/%d=%s", g.topic, g.queueID, g.offset, g.body)
}

func (m *model) ackOne(r string) {
	had := m.had[r]
	delete(m.had, r)
	delete(m.until, r)
	if m.ack(had) == Done {
		m.acked[had.body], m.done[r] = true, true
	}
}
