package replica_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/replica"
	"pairmq/replica/epoch"
	"pairmq/replica/pair"
	"pairmq/store"
	"pairmq/store/record"
)

// TestRoles simulates whole pairs whose roles change: slaves are made master,
// with and without a living master, masters hand over, and while that goes on links
// break, processes die and power goes. Both may be master for a while. In the
// end one is, the other is its slave with the same log, and what was answered OK
// is in it, or set aside in a file where the mode promises no more.
func TestRoles(t *testing.T) {
	seeds := *simSeeds
	if testing.Short() {
		seeds = min(seeds, 40)
	}
	var total roleTally
	for i := range seeds {
		seed := *simFirst + uint64(i)
		dirs := [2]string{t.TempDir(), t.TempDir()}
		synctest.Test(t, func(t *testing.T) {
			d := newDuo(t, seed, dirs)
			defer func() {
				if t.Failed() {
					t.Logf("%sthis was seed %d, SyncFlush %v, SyncMaster %v, %+v; again: go test ./replica -run TestRoles -sim.first=%d -sim.seeds=1",
						&d.notes.buf, seed, d.syncFlush, d.syncMaster, d.roleTally, seed)
				}
			}()
			d.live()
			d.heal()
			d.check()
			total.add(&d.roleTally)
		})
		for _, dir := range dirs {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d pairs: %+v", seeds, total)
	if seeds >= 100 && (total.Promoted == 0 || total.Forced == 0 || total.HandedOver == 0 || total.Yielded == 0 || total.SplitSends == 0 || total.Quarantined == 0) {
		t.Error("something that is to happen never did")
	}
}

// A roleTally counts what happened.
type roleTally struct {
	Sent, OK, Refused, SplitSends, Quarantined, LostToPower int
	Promoted, Forced, HandedOver, HandFailed, Yielded       int
	PowerCuts, Deaths, Stops, Outages                       int
}

func (a *roleTally) add(b *roleTally) {
	a.Sent, a.OK, a.Refused, a.SplitSends = a.Sent+b.Sent, a.OK+b.OK, a.Refused+b.Refused, a.SplitSends+b.SplitSends
	a.Quarantined, a.LostToPower = a.Quarantined+b.Quarantined, a.LostToPower+b.LostToPower
	a.Promoted, a.Forced, a.HandedOver, a.HandFailed, a.Yielded = a.Promoted+b.Promoted, a.Forced+b.Forced, a.HandedOver+b.HandedOver, a.HandFailed+b.HandFailed, a.Yielded+b.Yielded
	a.PowerCuts, a.Deaths, a.Stops, a.Outages = a.PowerCuts+b.PowerCuts, a.Deaths+b.Deaths, a.Stops+b.Stops, a.Outages+b.Outages
}

// A duo is two brokers of one name.
type duo struct {
	roleTally
	t                     *testing.T
	rng                   *rand.Rand
	syncFlush, syncMaster bool
	halves                [2]*half
	down                  atomic.Bool // the link
	notes                 notes

	mu   sync.Mutex
	acks map[int]roleAck
	next int
}

// A roleAck is an OK.
type roleAck struct {
	by   int // which half
	phy  int64
	cuts [2]int // of each half's power before it
}

// A half is one broker.
type half struct {
	id     int
	fs     *diskfault.FS
	net    *network // to its replication port
	memory *pair.Memory
	st     *store.Store
	slave  *replica.Slave
	up     atomic.Bool
	cuts   int
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

func newDuo(t *testing.T, seed uint64, dirs [2]string) *duo {
	d := &duo{t: t, rng: rand.New(rand.NewPCG(seed, 43)), syncFlush: seed%2 == 0, syncMaster: seed/2%2 == 0, acks: map[int]roleAck{}}
	for i := range d.halves {
		d.halves[i] = &half{id: i, fs: diskfault.New(diskfault.Plan{Seed: 2*seed + uint64(i), Real: dirs[i]}), net: &network{}}
	}
	return d
}

func (h *half) master() bool { return h.up.Load() && !h.memory.Role().Slave() }

// other is the half that h speaks with.
func (d *duo) other(h *half) *half { return d.halves[1-h.id] }

// reaches says whether h has an answer from the other half.
func (d *duo) reaches(h *half) bool { return !d.down.Load() && d.other(h).up.Load() }

// superseded says whether h is to give way to the other half.
func (d *duo) superseded(h *half) bool {
	o := d.other(h)
	return d.reaches(h) && o.master() && h.memory.Epochs().Last().Number < o.memory.Epochs().Last().Number
}

// open opens the store in the role that the half has.
func (d *duo) open(h *half, grown func(int64)) {
	o := store.Options{FS: h.fs, SegmentSize: simSegment, SyncFlush: d.syncFlush, ChunkBytes: 8 << 10, JournalBytes: 64 << 10, RecordCRC: true, IndexNoSync: true, Grown: grown}
	file := pair.Role{Name: pair.AsyncMaster}
	if d.syncMaster {
		file.Name = pair.SyncMaster
	}
	if h.id == 1 {
		file = pair.Role{Name: pair.Slave, ID: 1}
	}
	o.Decide = func(value func(string) []byte) (copies, holds bool) {
		var err error
		if h.memory, err = pair.Load(value(pair.Key), file); err != nil {
			d.t.Errorf("half %d: %v", h.id, err)
		}
		role := h.memory.Role()
		return role.Slave(), role.Name == pair.SyncMaster
	}
	var err error
	if h.st, err = store.Open(o); err != nil {
		d.t.Fatalf("half %d does not open: %v", h.id, err)
	}
	if h.st.Stats().ReadOnly {
		d.t.Fatalf("half %d opened read-only", h.id)
	}
	st := h.st
	if err := h.memory.Keep(func(b []byte) error { return st.SetValue(pair.Key, b) }); err != nil {
		d.t.Fatalf("half %d: %v", h.id, err)
	}
}

// start boots a half in its role.
func (d *duo) start(h *half) {
	var acks *replica.Acks
	var m *replica.Master
	holds := false
	h.slave = nil
	d.open(h, func(end int64) {
		if h.slave != nil {
			h.slave.Grown()
		}
		m.Grown()
		if holds {
			acks.Confirmed(end)
		}
	})
	st, role := h.st, h.memory.Role()
	holds = role.Name == pair.SyncMaster
	log := slog.New(slog.NewTextHandler(&d.notes, nil)).With("half", h.id)
	acks = replica.NewAcks(replica.AcksOptions{Release: func(end int64, err error) { st.Release(end, err) }})
	m = replica.NewMaster(replica.MasterOptions{Source: st, Acks: acks, Log: log, Batch: 500 + d.rng.IntN(4000)})
	if role.Slave() {
		h.slave = replica.NewSlave(replica.SlaveOptions{
			Log: st.Follow(), Notes: log, Master: func() string { return "master" }, Overlap: 2 << 10,
			Dial: d.other(h).net.dial, Histories: simMeeting{d, h},
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	h.up.Store(true)
	h.ended.Go(func() { _ = st.Run(ctx) }) // it fails when the power goes
	h.ended.Go(func() { _ = acks.Run(ctx) })
	if !role.Slave() {
		if d.superseded(h) {
			d.giveWay(h)
			return
		}
		d.begin(h)
	}
	ln := h.net.listen()
	h.ended.Go(func() {
		if err := m.Serve(ctx, ln); err != nil {
			d.t.Errorf("the port of half %d: %v", h.id, err)
		}
	})
	if h.slave != nil {
		h.ended.Go(func() { _ = h.slave.Run(ctx) })
	}
}

// begin does what a master does before it serves anybody.
func (d *duo) begin(h *half) {
	if h.memory.Handing() != "" {
		h.st.Shut()
	}
	if d.syncMaster && !d.syncFlush && h.st.Unclean() && !h.memory.Raised() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		f := h.st.Follow()
		if o := d.other(h); d.reaches(h) && !o.master() {
			_, _ = replica.Fetch(ctx, replica.FetchOptions{Log: f, Peer: "slave", Dial: o.net.dial})
		}
		if err := f.Done(); err != nil {
			d.t.Errorf("half %d: take over from the slave: %v", h.id, err)
		}
	}
	if err := h.memory.Begin(h.st.Start(), h.st.End(), h.st.Unclean()); err != nil {
		d.t.Errorf("half %d: %v", h.id, err)
	}
}

// A simMeeting is how a slave asks its master for its epochs.
type simMeeting struct {
	d *duo
	h *half
}

func (m simMeeting) Meet(context.Context) (epoch.History, error) {
	if !m.d.reaches(m.h) || !m.d.other(m.h).master() {
		return nil, errNoRoute
	}
	o := m.d.other(m.h)
	return o.memory.Epochs(), m.h.memory.NotePeer("the other", o.memory.Role().Name)
}
func (m simMeeting) Own() epoch.History          { return m.h.memory.Epochs() }
func (m simMeeting) Adopt(e epoch.History) error { return m.h.memory.Adopt(e) }

// stop ends a half in one of three ways.
func (d *duo) stop(h *half, how string) {
	if !h.up.Load() {
		return
	}
	h.up.Store(false)
	fs := h.fs
	switch how {
	case "power":
		d.PowerCuts++
		h.cuts++
		fs = h.fs.Restart()
	case "kill":
		d.Deaths++
		fs = h.fs.Kill()
	default:
		d.Stops++
	}
	h.cancel()
	h.net.cut(false)
	h.ended.Wait()
	if err := h.st.Close(); err != nil && how == "clean" {
		d.t.Errorf("a clean stop of half %d: %v", h.id, err)
	}
	h.fs = fs
	if !d.down.Load() {
		h.net.mend()
	}
}

// restart lets a half go on in the role that it remembers.
func (d *duo) restart(h *half) {
	d.stop(h, "clean")
	d.start(h)
}

// meet is what masters find out when they ask each other.
func (d *duo) meet() {
	for _, h := range d.halves {
		if h.master() && d.superseded(h) {
			d.giveWay(h)
		}
	}
	for _, h := range d.halves { // a handing over of which the answer was lost
		if h.master() && h.memory.Handing() != "" && d.reaches(h) && !d.other(h).master() {
			if err := h.memory.Hand(""); err != nil {
				d.t.Errorf("half %d: %v", h.id, err)
			}
			h.st.Reopen()
		}
	}
}

func (d *duo) giveWay(h *half) {
	d.Yielded++
	if err := h.memory.Yield(1); err != nil {
		d.t.Errorf("half %d gives way: %v", h.id, err)
		return
	}
	d.restart(h)
}

// promote makes a slave master. It refuses while its master lives, unless forced.
func (d *duo) promote(h *half, force bool) {
	if !h.up.Load() || h.master() || !force && d.reaches(h) && d.other(h).master() {
		return
	}
	if len(h.memory.Epochs()) == 0 {
		return // it has never seen a master: a person would not
	}
	if force {
		d.Forced++
	} else {
		d.Promoted++
	}
	if err := h.memory.Promote(""); err != nil {
		d.t.Errorf("half %d is promoted: %v", h.id, err)
		return
	}
	d.restart(h)
}

// handOver swaps the roles without loss, or fails; then the master goes on.
// Either may lose its power at any step.
func (d *duo) handOver(h *half) {
	o := d.other(h)
	if !h.master() || h.memory.Handing() != "" || !d.reaches(h) || o.master() || h.memory.Epochs().Last() != o.memory.Epochs().Last() {
		return
	}
	h.st.Shut()
	for range 20 {
		if end := h.st.End(); h.st.Confirmed() == end && o.st.Confirmed() == end && o.st.End() == end {
			break
		}
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
	}
	end := h.st.End()
	if h.st.Confirmed() != end || o.st.Confirmed() != end || o.st.End() != end {
		d.HandFailed++
		h.st.Reopen()
		return
	}
	if err := h.memory.Hand("the other"); err != nil {
		d.t.Errorf("half %d hands over: %v", h.id, err)
		return
	}
	step := d.rng.IntN(8)
	if step == 0 { // the request is lost with the master
		d.stop(h, "power")
		d.start(h)
		return
	}
	if err := o.memory.Promote(""); err != nil {
		d.t.Errorf("half %d takes over: %v", o.id, err)
		return
	}
	d.HandedOver++
	switch step {
	case 1: // the answer is lost with the master
		d.stop(h, "power")
		d.restart(o)
		d.start(h)
		return
	case 2: // the new master loses its power before it has begun
		d.stop(o, "power")
		d.start(o)
		d.meet()
		return
	}
	if err := h.memory.Yield(1); err != nil {
		d.t.Errorf("half %d gives way: %v", h.id, err)
	}
	d.restart(o)
	d.restart(h)
}

// live lets things happen.
func (d *duo) live() {
	d.start(d.halves[0])
	d.start(d.halves[1])
	d.send(d.halves[0], 5)
	time.Sleep(10 * time.Second)
	for range 40 {
		h := d.halves[d.rng.IntN(2)]
		switch d.rng.IntN(16) {
		default:
			d.send(h, 1+d.rng.IntN(15))
		case 6:
			time.Sleep(time.Duration(d.rng.IntN(9000)) * time.Millisecond)
		case 7:
			d.Outages++
			d.down.Store(true)
			silently := d.rng.IntN(2) == 0
			d.halves[0].net.cut(silently)
			d.halves[1].net.cut(silently)
		case 8, 9:
			d.mend()
		case 10, 11:
			d.interrupt(h)
		case 12:
			d.promote(h, false)
		case 13:
			if d.rng.IntN(2) == 0 {
				d.promote(h, true)
			}
		case 14, 15:
			d.handOver(h)
		}
		if d.rng.IntN(3) == 0 {
			d.meet()
		}
		if d.rng.IntN(3) == 0 {
			synctest.Wait()
		}
	}
}

func (d *duo) mend() {
	d.down.Store(false)
	for _, h := range d.halves {
		h.net.mend()
	}
}

func (d *duo) interrupt(h *half) {
	d.stop(h, []string{"power", "kill", "clean"}[d.rng.IntN(3)])
	switch d.rng.IntN(4) {
	case 0:
		time.Sleep(time.Duration(d.rng.IntN(30)) * time.Second)
	case 1: // the other half is made master meanwhile, if it is a slave
		d.promote(d.other(h), false)
		d.send(d.other(h), d.rng.IntN(10))
	}
	d.start(h)
}

// send sends messages to a half; their answers come when they come.
func (d *duo) send(h *half, count int) {
	if !h.up.Load() {
		return
	}
	if !h.master() {
		d.Refused += count
		return
	}
	split := d.other(h).master()
	for range count {
		n := d.next
		d.next++
		d.Sent++
		if split {
			d.SplitSends++
		}
		ms, cuts := []record.Message{message(n)}, [2]int{d.halves[0].cuts, d.halves[1].cuts}
		err := h.st.Put(ms, func(err error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if err == nil {
				d.acks[n] = roleAck{by: h.id, phy: ms[0].PhyOffset, cuts: cuts}
			}
		})
		if err != nil {
			if !errors.Is(err, store.ErrReadOnly) || h.memory.Handing() == "" {
				d.t.Errorf("message %d: %v", n, err)
			}
			d.Refused++
		}
	}
}

// heal mends everything, has a person decide where one must, and gives the pair time.
func (d *duo) heal() {
	d.mend()
	d.meet()
	a, b := d.halves[0], d.halves[1]
	switch {
	case a.master() && b.master(): // of the same number
		if a.memory.Epochs().Last().Number != b.memory.Epochs().Last().Number {
			d.t.Errorf("both are master, under %v and %v", a.memory.Epochs().Last(), b.memory.Epochs().Last())
		}
		if err := a.memory.Promote(""); err != nil {
			d.t.Error(err)
		}
		d.restart(a)
		d.meet()
	case !a.master() && !b.master(): // the one with the later epochs, and of these the longer log
		if c := a.memory.Epochs().Last().Compare(b.memory.Epochs().Last()); c < 0 || c == 0 && a.st.End() < b.st.End() {
			a, b = b, a
		}
		d.promote(a, true)
	}
	time.Sleep(2 * time.Minute)
	synctest.Wait()
}

// check compares both logs, and what was promised with what is there.
func (d *duo) check() {
	m, s := d.halves[0], d.halves[1]
	if !m.master() {
		m, s = s, m
	}
	if !m.master() || s.master() {
		d.t.Fatalf("half %d is %v, half %d is %v", m.id, m.memory.Role(), s.id, s.memory.Role())
	}
	if st := s.slave.Status(); !st.Connected {
		d.t.Errorf("the slave has not found its way back: %+v", st)
	}
	w := &world{t: d.t} // for its helpers
	log := w.log(m.st.Start(), m.st.Confirmed(), m.st.ReadRaw)
	if got := w.log(s.st.Start(), s.st.Confirmed(), s.st.ReadRaw); !bytes.Equal(got, log) {
		d.t.Errorf("the slave's log has %d to %d, the master's %d to %d, or they differ", s.st.Start(), s.st.Confirmed(), m.st.Start(), m.st.Confirmed())
	}
	if got, want := s.memory.Epochs(), m.memory.Epochs(); !slices.Equal(got, want) {
		d.t.Errorf("the slave knows the epochs %v, the master %v", got, want)
	}
	if got, want := w.visible(s.st), w.visible(m.st); !slices.Equal(got, want) {
		d.t.Errorf("consumers see %d records on the slave, %d on the master, or others", len(got), len(want))
	}
	aside := append(d.aside(m), d.aside(s)...)
	for n, a := range d.acks {
		d.OK++
		d.promised(n, a, m, aside)
	}
	d.stop(s, "clean")
	d.stop(m, "clean")
}

// promised looks for a message of which OK was said.
func (d *duo) promised(n int, a roleAck, m *half, aside []byte) {
	want := message(n).Body
	b, err := m.st.RecordAt(a.phy)
	if err == nil {
		if v, perr := record.Parse(b, record.Limits{}); perr == nil && bytes.Equal(v.Body(), want) {
			return
		}
	}
	cut := [2]bool{d.halves[0].cuts > a.cuts[0], d.halves[1].cuts > a.cuts[1]}
	switch {
	case d.syncMaster && (d.syncFlush || !cut[0] && !cut[1]):
		d.t.Errorf("message %d, of which half %d said OK at %d with a slave that had it, is not in the log: %v", n, a.by, a.phy, err)
	case bytes.Contains(aside, want):
		d.Quarantined++
	case d.syncFlush || !cut[0] && !cut[1]:
		d.t.Errorf("message %d, of which half %d said OK at %d, is neither in the log nor set aside: %v", n, a.by, a.phy, err)
	default:
		d.LostToPower++
	}
}

// aside is all that a half has set aside.
func (d *duo) aside(h *half) (all []byte) {
	entries, err := h.fs.ReadDir("quarantine")
	if err != nil {
		return nil // nothing ever was
	}
	for _, e := range entries {
		if e.Size == 0 {
			continue // power went when it was just made
		}
		f, err := h.fs.Open("quarantine/" + e.Name)
		if err != nil {
			d.t.Error(err)
			continue
		}
		b := make([]byte, e.Size)
		if _, err := f.ReadAt(b, 0); err != nil {
			d.t.Error(fmt.Errorf("%s: %w", e.Name, err))
		}
		if err := f.Close(); err != nil {
			d.t.Error(err)
		}
		all = append(all, b...)
	}
	return all
}
