package replica_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/replica"
	"pairmq/store"
	"pairmq/store/record"
)

// How many pairs TestPairs simulates, and from which seed on.
var (
	simSeeds = flag.Int("sim.seeds", 200, "pairs to simulate")
	simFirst = flag.Uint64("sim.first", 1, "seed of the first of them")
)

// simSegment is the segment size of simulated logs: they roll often.
const simSegment = 32 << 10

// TestPairs simulates whole pairs, store and all, on simulated disks, a
// simulated network and a simulated clock: messages are sent while links break
// or swallow what they should carry, processes die and power goes, each where the
// seed says. In the end both have the same log, and everything that was promised.
func TestPairs(t *testing.T) {
	seeds := *simSeeds
	if testing.Short() {
		seeds = min(seeds, 40)
	}
	var total tally
	for i := range seeds {
		seed := *simFirst + uint64(i)
		dirs := [2]string{t.TempDir(), t.TempDir()}
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed, dirs)
			defer func() {
				if t.Failed() {
					t.Logf("%sthis was %v; again: go test ./replica -run TestPairs -sim.first=%d -sim.seeds=1", &w.notes.buf, w, seed)
				}
			}()
			w.live()
			w.heal()
			w.check()
			total.add(&w.tally)
		})
		for _, d := range dirs {
			if err := os.RemoveAll(d); err != nil {
				t.Fatal(err)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d pairs: %+v", seeds, total)
}

// A tally counts what happened.
type tally struct {
	Sent, OK, Unsure, Lost, Deaths, PowerCuts, Outages, SetAside, Fetched, Held int
}

func (a *tally) add(b *tally) {
	a.Sent, a.OK, a.Unsure, a.Lost = a.Sent+b.Sent, a.OK+b.OK, a.Unsure+b.Unsure, a.Lost+b.Lost
	a.Deaths, a.PowerCuts, a.Outages, a.SetAside = a.Deaths+b.Deaths, a.PowerCuts+b.PowerCuts, a.Outages+b.Outages, a.SetAside+b.SetAside
	a.Fetched, a.Held = a.Fetched+b.Fetched, a.Held+b.Held
}

// A world is one pair and what was done to it.
type world struct {
	tally
	t             *testing.T
	seed          uint64
	rng           *rand.Rand
	syncFlush     bool
	syncMaster    bool
	master, slave *node
	net           *network // to the master
	back          *network // to the slave, for a master that lost its log's end
	cuts          int      // times the slave's power was cut
	fetched       bool     // the master asked the slave when it started last

	mu    sync.Mutex
	acks  map[int]ack // by number of the message
	next  int
	notes notes
}

// notes are what master and slave log.
type notes struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.Write(b)
}

// An ack is what a sender was told.
type ack struct {
	err  error
	phy  int64
	size int64
	cuts int // of the slave before
}

// A node is one half, with its disk.
type node struct {
	fs     *diskfault.FS
	st     *store.Store
	cancel context.CancelFunc
	ended  sync.WaitGroup
	slave  *replica.Slave
	copy   *store.Follower
	up     bool
}

func newWorld(t *testing.T, seed uint64, dirs [2]string) *world {
	rng := rand.New(rand.NewPCG(seed, 42))
	w := &world{t: t, seed: seed, rng: rng, syncFlush: seed%2 == 0, syncMaster: seed/2%2 == 0, net: &network{}, back: &network{}, acks: map[int]ack{}}
	w.master = &node{fs: diskfault.New(diskfault.Plan{Seed: seed, Real: dirs[0]})}
	w.slave = &node{fs: diskfault.New(diskfault.Plan{Seed: seed + 1, Real: dirs[1]})}
	return w
}

func (w *world) String() string {
	return fmt.Sprintf("seed %d, SyncFlush %v, SyncMaster %v, %+v", w.seed, w.syncFlush, w.syncMaster, w.tally)
}

func (w *world) options(fs *diskfault.FS) store.Options {
	return store.Options{FS: fs, SegmentSize: simSegment, SyncFlush: w.syncFlush, ChunkBytes: 8 << 10, JournalBytes: 64 << 10, RecordCRC: true, IndexNoSync: true}
}

// startMaster boots the master and opens its port.
func (w *world) startMaster() {
	n := w.master
	var st *store.Store
	acks := replica.NewAcks(replica.AcksOptions{Release: func(end int64, err error) { st.Release(end, err) }})
	var m *replica.Master
	o := w.options(n.fs)
	o.Hold = w.syncMaster
	o.Grown = func(end int64) {
		m.Grown()
		if w.syncMaster {
			acks.Confirmed(end)
		}
	}
	st, err := store.Open(o)
	if err != nil {
		w.t.Fatalf("the master does not open: %v", err)
	}
	if st.Stats().ReadOnly {
		w.t.Fatal("the master opened read-only")
	}
	m = replica.NewMaster(replica.MasterOptions{Source: st, Acks: acks, Log: slog.New(slog.NewTextHandler(&w.notes, nil)), Batch: 500 + w.rng.IntN(4000), Metered: w.metered()})
	ctx, cancel := context.WithCancel(context.Background())
	n.st, n.cancel, n.up = st, cancel, true
	n.ended.Go(func() { _ = st.Run(ctx) }) // it fails when the power goes
	n.ended.Go(func() { _ = acks.Run(ctx) })
	w.fetch(st)
	ln := w.net.listen()
	n.ended.Go(func() {
		if err := m.Serve(ctx, ln); err != nil {
			w.t.Errorf("the master's port: %v", err)
		}
	})
}

// metered has half of the pairs reach the slave by a link that costs money every other
// seven seconds, half of those with a slave that catches up slowly meanwhile instead of waiting.
func (w *world) metered() replica.Metered {
	if w.seed/4%2 == 0 {
		return replica.Metered{}
	}
	return replica.Metered{
		Via: func(netip.Addr, netip.Addr) (string, bool) { return "wwan0", time.Now().Unix()/7%2 == 0 },
		Lag: 2000, Rate: int64(w.seed / 8 % 2 * 4096), Delay: 40 * time.Second,
	}
}

// fetch has the slave asked for what the master may have lost.
func (w *world) fetch(st *store.Store) {
	if w.fetched = false; !w.syncMaster || w.syncFlush || !st.Unclean() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	f := st.Follow()
	n, err := replica.Fetch(ctx, replica.FetchOptions{Log: f, Peer: "slave", Dial: w.back.dial})
	w.fetched = err == nil
	if n > 0 {
		w.Fetched++
	}
	if err := f.Done(); err != nil {
		w.t.Errorf("take over from the slave: %v", err)
	}
}

// startSlave boots the slave.
func (w *world) startSlave() {
	n := w.slave
	o := w.options(n.fs)
	o.Copy = true
	var port *replica.Master
	o.Grown = func(int64) { n.slave.Grown(); port.Grown() }
	st, err := store.Open(o)
	if err != nil {
		w.t.Fatalf("the slave does not open: %v", err)
	}
	if st.Stats().ReadOnly {
		w.t.Fatal("the slave opened read-only")
	}
	n.copy = st.Follow()
	if promised := w.promised(); w.syncFlush && w.syncMaster && n.copy.End() < promised {
		w.t.Errorf("the slave has %d after its start; OK was said of %d", n.copy.End(), promised)
	}
	n.slave = replica.NewSlave(replica.SlaveOptions{Log: n.copy, Notes: slog.New(slog.NewTextHandler(&w.notes, nil)), Master: func() string { return "master" }, Overlap: 2 << 10, Dial: w.net.dial})
	port = replica.NewMaster(replica.MasterOptions{Source: st, Acks: replica.NewAcks(replica.AcksOptions{}), Batch: 500 + w.rng.IntN(4000)})
	ctx, cancel := context.WithCancel(context.Background())
	n.st, n.cancel, n.up = st, cancel, true
	ln := w.back.listen()
	n.ended.Go(func() { _ = st.Run(ctx) })
	n.ended.Go(func() { _ = n.slave.Run(ctx) })
	n.ended.Go(func() { _ = port.Serve(ctx, ln) })
}

// promised is the end of the last message of which OK was said.
func (w *world) promised() (end int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.acks {
		if a.err == nil {
			end = max(end, a.phy+a.size)
		}
	}
	return end
}

// stop ends a node in one of three ways.
func (w *world) stop(n *node, how string) {
	if !n.up {
		return
	}
	n.up = false
	fs := n.fs
	switch how {
	case "power":
		w.PowerCuts++
		if n == w.slave {
			w.cuts++
		}
		fs = n.fs.Restart()
	case "kill":
		w.Deaths++
		fs = n.fs.Kill()
	}
	n.cancel()
	n.ended.Wait()
	if err := n.st.Close(); err != nil && how == "clean" {
		w.t.Errorf("a clean stop: %v", err)
	}
	n.fs = fs
	if n == w.slave && n.slave.Status().SetAside != "" {
		w.SetAside++
	}
}

// live lets things happen.
func (w *world) live() {
	w.startMaster()
	w.startSlave()
	w.send(5) // logs that differ from their first byte on are left to a person
	time.Sleep(10 * time.Second)
	for range 30 {
		switch w.rng.IntN(12) {
		default:
			w.send(1 + w.rng.IntN(20))
		case 6:
			time.Sleep(time.Duration(w.rng.IntN(8000)) * time.Millisecond)
		case 7:
			w.Outages++
			silently := w.rng.IntN(2) == 0
			w.net.cut(silently)
			w.back.cut(silently)
		case 8, 9:
			w.net.mend()
			w.back.mend()
		case 10:
			w.interrupt(w.slave, w.startSlave)
		case 11:
			w.interrupt(w.master, w.startMaster)
			w.forgetLost()
		}
		if w.rng.IntN(3) == 0 {
			synctest.Wait()
		}
	}
}

func (w *world) interrupt(n *node, start func()) {
	w.stop(n, []string{"power", "kill", "clean"}[w.rng.IntN(3)])
	if w.rng.IntN(2) == 0 {
		time.Sleep(time.Duration(w.rng.IntN(30)) * time.Second)
	}
	start()
}

// send sends messages to the master; their answers come when they come.
func (w *world) send(count int) {
	for range count {
		n := w.next
		w.next++
		w.Sent++
		ms, cuts := []record.Message{message(n)}, w.cuts
		err := w.master.st.Put(ms, func(err error) {
			size, serr := record.SizeCRC(&ms[0])
			if serr != nil {
				w.t.Error(serr)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.acks[n] = ack{err: err, phy: ms[0].PhyOffset, size: int64(size), cuts: cuts}
		})
		if err != nil {
			w.t.Errorf("message %d: %v", n, err)
		}
	}
}

// forgetLost takes back what a master that flushes late may have lost with its
// power. With SYNC_FLUSH there must be nothing, and with SYNC_MASTER nothing that
// a slave has whose own power stayed.
func (w *world) forgetLost() {
	end := w.master.st.Confirmed()
	w.mu.Lock()
	defer w.mu.Unlock()
	for n, a := range w.acks {
		if a.err == nil && a.phy+a.size > end {
			if w.syncFlush || w.fetched && a.cuts == w.cuts {
				w.t.Errorf("OK was said of message %d up to %d; the master now ends at %d", n, a.phy+a.size, end)
			}
			w.Lost++
			delete(w.acks, n)
		}
	}
}

// heal mends everything and gives the slave time.
func (w *world) heal() {
	w.net.mend()
	time.Sleep(2 * time.Minute)
	synctest.Wait()
}

// check compares both logs, and what was promised with what is there.
func (w *world) check() {
	m, s := w.master, w.slave
	if st := s.slave.Status(); !st.Connected {
		w.t.Errorf("the slave has not found its way back: %+v", st)
	}
	if got, want := w.log(s.copy.Start(), s.copy.End(), s.copy.ReadRaw), w.log(m.st.Start(), m.st.Confirmed(), m.st.ReadRaw); !bytes.Equal(got, want) {
		w.t.Errorf("the slave's log has %d to %d, the master's %d to %d, or they differ", s.copy.Start(), s.copy.End(), m.st.Start(), m.st.Confirmed())
	}
	for n, a := range w.acks {
		if a.err != nil {
			w.Unsure++
			continue
		}
		w.OK++
		for _, st := range []*store.Store{m.st, s.st} {
			b, err := st.RecordAt(a.phy)
			if err != nil {
				w.t.Errorf("message %d, of which OK was said: %v", n, err)
				continue
			}
			if v, err := record.Parse(b, record.Limits{}); err != nil || !bytes.Equal(v.Body(), message(n).Body) {
				w.t.Errorf("message %d, of which OK was said, is another one now: %v", n, err)
			}
		}
	}
	w.notes.mu.Lock()
	w.Held = bytes.Count(w.notes.buf.Bytes(), []byte("a slave that is behind is held"))
	w.notes.mu.Unlock()
	if len(w.acks)+w.Lost != w.Sent {
		w.t.Errorf("%d messages were sent, %d answered", w.Sent, len(w.acks)+w.Lost)
	}
	want := w.visible(m.st)
	if got := w.visible(s.st); !slices.Equal(got, want) {
		w.t.Errorf("consumers see %d records on the slave, %d on the master, or others", len(got), len(want))
	}
	for _, n := range []*node{s, m} {
		w.stop(n, "clean")
		if err := n.fs.Remove("meta.db"); err != nil {
			w.t.Error(err)
		}
		st, err := store.Open(w.options(n.fs))
		if err != nil {
			w.t.Fatal(err)
		}
		if got := w.visible(st); !slices.Equal(got, want) {
			w.t.Errorf("with the index rebuilt consumers see %d records, with the old one %d, or others", len(got), len(want))
		}
		if err := st.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) log(start, end int64, read func([]byte, int64) (int, error)) []byte {
	b := make([]byte, end-start)
	for n := 0; n < len(b); {
		m, err := read(b[n:], start+int64(n))
		if m == 0 {
			w.t.Errorf("read at %d: %v", start+int64(n), err)
			return nil
		}
		n += m
	}
	return b
}

// visible lists all records that consumers see, queue by queue, and demands
// that a queue's offsets have no hole.
func (w *world) visible(st *store.Store) (all []string) {
	for q := range int32(3) {
		for at := int64(0); at < st.MaxOffset("T", q); {
			r, err := st.Get("T", q, at, 32, 1<<20, nil)
			if err != nil || r.Status != store.Found {
				w.t.Errorf("queue %d offset %d: %v, %v", q, at, r.Status, err)
				return all
			}
			for b := r.Body; len(b) > 0; at++ {
				v, err := record.Parse(b, record.Limits{})
				if err != nil || v.QueueOffset() != at {
					w.t.Errorf("queue %d offset %d: %d, %v", q, at, v.QueueOffset(), err)
					return all
				}
				all = append(all, fmt.Sprintf("%d/%d at %d flag %d", q, at, v.PhyOffset(), v.Flag()))
				b = b[v.Size():]
			}
			r.Release()
		}
	}
	return all
}

// message makes the n-th message.
func message(n int) record.Message {
	rng := rand.New(rand.NewPCG(7, uint64(n)))
	body := make([]byte, 1+rng.IntN(900))
	for i := range body {
		body[i] = byte(rng.Uint32())
	}
	return record.Message{
		Topic: "T", QueueID: int32(n % 3), Flag: int32(n), BornTimestamp: int64(n), BornHost: netip.MustParseAddrPort("10.0.0.9:4242"),
		Body: body, Properties: fmt.Sprintf("UNIQ_KEY\x01%08d\x02TAGS\x01Tag%d", n, n%4),
	}
}

// A network connects the slave to whatever listens as the master.
type network struct {
	mu    sync.Mutex
	ln    *listener
	links []*link
	down  bool
}

var errNoRoute = errors.New("no route to host")

func (n *network) listen() *listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ln = &listener{conns: make(chan net.Conn), gone: make(chan struct{})}
	return n.ln
}

func (n *network) dial(ctx context.Context, _ string) (net.Conn, error) {
	n.mu.Lock()
	ln, down := n.ln, n.down
	n.mu.Unlock()
	if down {
		return nil, errNoRoute
	}
	a, b := net.Pipe()
	l := &link{}
	select {
	case ln.conns <- &end{Conn: b, link: l}:
	case <-ln.gone:
		return nil, errNoRoute
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links = append(n.links, l)
	l.ends = [2]net.Conn{a, b}
	return &end{Conn: a, link: l}, nil
}

// cut breaks all connections: they end, or, if silently, nothing comes through
// any more and nobody is told.
func (n *network) cut(silently bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = true
	for _, l := range n.links {
		l.hole.Store(true)
		if !silently {
			_ = l.ends[0].Close()
			_ = l.ends[1].Close()
		}
	}
	n.links = nil
}

func (n *network) mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = false
}

// A link is one connection; an end is what one side has of it.
type link struct {
	hole atomic.Bool // what is written vanishes
	ends [2]net.Conn
}

type end struct {
	net.Conn
	link *link
}

func (e *end) Write(b []byte) (int, error) {
	if e.link.hole.Load() {
		return len(b), nil
	}
	return e.Conn.Write(b)
}

// A listener accepts pipes.
type listener struct {
	conns chan net.Conn
	once  sync.Once
	gone  chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.gone:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { l.once.Do(func() { close(l.gone) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }
