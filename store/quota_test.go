package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
)

// quotaOf has Wild and what begins with Noisy bounded in these tests.
func quotaOf(topic string) int64 {
	switch {
	case topic == "Wild":
		return 3 * segment
	case strings.HasPrefix(topic, "Noisy"):
		return 2 * segment
	}
	return 0
}

// quotaOptions are those of a store that goes round all the time.
func quotaOptions(fs disk.FS) store.Options {
	o := options(fs, true)
	o.MaxBytes, o.ChunkBytes = 2600<<10, 64<<10 // of that meta.db has 2 MiB
	o.Quota = quotaOf
	return o
}

// messagesOf makes count messages of one topic that follow from n.
func messagesOf(topic string, n, count int) (ms []record.Message, size int64) {
	for i := range count {
		m := message(n+i, 1)
		m.Topic, m.QueueID, m.StoreHost = topic, int32(n%queues), netip.MustParseAddrPort("127.0.0.1:10911")
		one, err := record.SizeCRC(&m)
		if err != nil {
			panic(err) // message is wrong
		}
		ms, size = append(ms, m), size+int64(one)
	}
	return ms, size
}

// store stores ms and waits for the answer.
func (r *running) store(ms []record.Message) error {
	done := make(chan error, 1)
	if err := r.Put(ms, func(err error) { done <- err }); err != nil {
		return err
	}
	return <-done
}

// held is what the store says it holds of each topic.
func (r *running) held(t *testing.T) map[string]int64 {
	t.Helper()
	held := map[string]int64{}
	for _, q := range r.Quotas() {
		if q.Limit != quotaOf(q.Topic) {
			t.Fatalf("topic %s has the quota %d, want %d", q.Topic, q.Limit, quotaOf(q.Topic))
		}
		if q.Bytes > 0 {
			held[q.Topic] = q.Bytes
		}
	}
	return held
}

// heldInLog reads the log and adds up the records of topics with a quota, but not
// what was deleted, nor what the index has forgotten of a segment that was about to
// be given back when the power went. Nothing may be given back meanwhile.
func (r *running) heldInLog(t *testing.T) map[string]int64 {
	t.Helper()
	start, held := r.Stats().MinPhyOffset, map[string]int64{}
	log, known := rawLog(t, r.ReadRaw, start, r.Confirmed()), r.indexed(t)
	deleted, oldest := r.Deleted(), int64(len(log))+start
	for phy := range known {
		oldest = min(oldest, phy)
	}
	for at := int64(0); at < int64(len(log)); {
		v, err := record.Parse(log[at:], record.Limits{})
		if errors.Is(err, record.ErrBlank) {
			at += segment - (start+at)%segment
			continue
		}
		if err != nil {
			t.Fatalf("record at %d: %v", start+at, err)
		}
		topic, phy := string(v.Topic()), start+at
		switch {
		case known[phy] && quotaOf(topic) > 0:
			held[topic] += int64(v.Size())
		case !known[phy] && phy >= deleted[topic] && phy > oldest:
			t.Fatalf("the index has forgotten the record of %s at %d, but knows one at %d", topic, phy, oldest)
		}
		at += int64(v.Size())
	}
	return held
}

// indexed returns where the records lie that are in a consume queue.
func (r *running) indexed(t *testing.T) map[int64]bool {
	t.Helper()
	known, units := map[int64]bool{}, make([]index.Unit, 100)
	for _, topic := range []string{"Wild", "NoisyA", "NoisyB", "Free"} {
		for id := range int32(queues) {
			at, end, _ := r.Indexed().Bounds(topic, id)
			for at < end {
				n, ok := r.Indexed().Range(topic, id, at, units)
				if n == 0 || !ok {
					t.Fatalf("queue %d of %s has no unit %d, %d is its end", id, topic, at, end)
				}
				for _, u := range units[:n] {
					known[u.PhyOffset] = true
				}
				at += int64(n)
			}
		}
	}
	return known
}

// TestATopicIsRefusedAtItsQuota has one topic run wild: it is refused, nothing of
// what is refused is stored, the others do not notice, and it goes on when its
// oldest segment is given back. The log says each once.
func TestATopicIsRefusedAtItsQuota(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		opts := quotaOptions(diskfault.New(diskfault.Plan{Real: dir}))
		opts.Log = slog.New(slog.NewTextHandler(&log, nil))
		r := mustStart(t, opts)
		defer r.cancel()
		n := 0
		send := func(topic string, count int) error {
			ms, _ := messagesOf(topic, n, count)
			n += count
			return r.store(ms)
		}
		var err error
		for err == nil && n < 10_000 {
			err = send("Wild", 1)
		}
		if !errors.Is(err, store.ErrQuota) {
			t.Fatalf("message %d of a topic without an end: %v, want ErrQuota", n, err)
		}
		held := r.held(t)["Wild"]
		if held > quotaOf("Wild") || held < quotaOf("Wild")-1500 {
			t.Errorf("the topic holds %d bytes at its quota of %d", held, quotaOf("Wild"))
		}
		end := r.Stats().MaxPhyOffset
		for range 20 {
			if err := send("Wild", 20); !errors.Is(err, store.ErrQuota) {
				t.Fatalf("20 messages at the quota: %v, want ErrQuota", err)
			}
		}
		if got := r.Stats().MaxPhyOffset; got != end || r.held(t)["Wild"] != held {
			t.Errorf("what was refused has moved the log's end from %d to %d, and the topic from %d bytes to %d", end, got, held, r.held(t)["Wild"])
		}
		for others := 0; r.held(t)["Wild"] == held; others++ {
			if err := send("Free", 5); err != nil || others == 2000 {
				t.Fatalf("another topic, %d messages later: %v", 5*others, err)
			}
			synctest.Wait()
		}
		if err := send("Wild", 20); err != nil {
			t.Errorf("after its oldest segment was given back: %v", err)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"a topic has reached its quota", "a topic is below its quota again"} {
			if got := strings.Count(log.String(), line); got != 1 {
				t.Errorf("the log says %d times that %s, want once:\n%s", got, line, &log)
			}
		}
	})
}

// TestABatchCountsAsAWhole: all of it is stored, or none, and one that no room would
// do for is not to be tried again.
func TestABatchCountsAsAWhole(t *testing.T) {
	r := mustStart(t, quotaOptions(diskfault.New(diskfault.Plan{Real: t.TempDir()})))
	fill, size := messagesOf("NoisyA", 0, 40)
	if err := r.store(fill); err != nil {
		t.Fatal(err)
	}
	for quotaOf("NoisyA")-r.held(t)["NoisyA"] > size {
		if err := r.store(fill); err != nil {
			t.Fatal(err)
		}
	}
	before, end := r.held(t)["NoisyA"], r.Stats().MaxPhyOffset
	if err := r.store(fill); !errors.Is(err, store.ErrQuota) {
		t.Errorf("a batch of %d bytes beside %d: %v, want ErrQuota", size, before, err)
	}
	one, _ := messagesOf("NoisyA", 0, 1)
	if err := r.store(one); err != nil {
		t.Errorf("its first message alone: %v", err)
	}
	if got := r.Stats().MaxPhyOffset; got >= end+size {
		t.Errorf("the log went from %d to %d by one message", end, got)
	}
	huge := make([]record.Message, 0, 1000)
	for len(huge) < cap(huge) {
		huge = append(huge, one...)
	}
	if err := r.store(huge); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a batch beyond the whole quota: %v, want ErrTooLarge", err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestQuotasAreExact stores, deletes, cuts the power, stops cleanly and truncates,
// in an order that follows from the seed, while segments come and go. What the store
// counts is always what is in its log, and what it refuses follows from that.
func TestQuotasAreExact(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				m := quotaModel{t: t, rng: rand.New(rand.NewPCG(seed, 31)), fs: diskfault.New(diskfault.Plan{Real: dir, Seed: seed}), did: map[string]int{}}
				m.open()
				defer func() { m.r.cancel() }()
				for range 250 {
					m.step()
				}
				if err := m.r.stop(); err != nil {
					t.Fatal(err)
				}
				t.Logf("%v", m.did)
				for _, what := range []string{"stored", "refused", "deleted", "stopped", "cut", "truncated", "given back"} {
					if m.did[what] == 0 {
						t.Errorf("nothing was %s: the seed shows too little", what)
					}
				}
			})
		})
	}
}

// A quotaModel is a store, and what was done to it.
type quotaModel struct {
	t   *testing.T
	rng *rand.Rand
	fs  *diskfault.FS
	r   *running
	n   int // of the next message
	did map[string]int
}

func (m *quotaModel) open() { m.r = mustStart(m.t, quotaOptions(m.fs)) }

func (m *quotaModel) step() {
	switch p := m.rng.IntN(100); {
	case p < 3:
		m.delete([]string{"Wild", "NoisyA", "NoisyB"}[m.rng.IntN(3)])
	case p < 5:
		m.stop()
		m.open()
	case p < 7:
		m.cut()
	case p < 9:
		m.stop()
		m.truncate()
	default:
		m.put()
	}
	m.compare()
}

func (m *quotaModel) put() {
	topic := []string{"Wild", "Wild", "NoisyA", "NoisyB", "Free"}[m.rng.IntN(5)]
	ms, size := messagesOf(topic, m.n, 1+m.rng.IntN(30))
	m.n += len(ms)
	held, limit := m.r.heldInLog(m.t)[topic], quotaOf(topic)
	before := m.r.Stats().MinPhyOffset
	err := m.r.store(ms)
	synctest.Wait()
	if m.r.Stats().MinPhyOffset > before {
		m.did["given back"]++
	}
	if limit > 0 && held+size > limit {
		m.did["refused"]++
		if !errors.Is(err, store.ErrQuota) {
			m.t.Fatalf("message %d: %d bytes beside %d of %s, %d are allowed: %v, want ErrQuota", m.n, size, held, topic, limit, err)
		}
		return
	}
	m.did["stored"]++
	if err != nil {
		m.t.Fatalf("message %d: %d bytes beside %d of %s, %d are allowed: %v", m.n, size, held, topic, limit, err)
	}
}

func (m *quotaModel) delete(topic string) {
	if m.r.held(m.t)[topic] > 0 {
		m.did["deleted"]++
	}
	if err := m.r.DeleteTopic(topic); err != nil {
		m.t.Fatal(err)
	}
}

func (m *quotaModel) stop() {
	m.did["stopped"]++
	if err := m.r.stop(); err != nil {
		m.t.Fatal(err)
	}
}

// cut cuts the power while messages are stored.
func (m *quotaModel) cut() {
	m.did["cut"]++
	m.fs.Arm(diskfault.Plan{CutAt: 1 + m.rng.IntN(40), Seed: m.rng.Uint64(), Real: m.fs.RealPath("")})
	for !m.fs.Struck() {
		ms, _ := messagesOf("Free", m.n, 5)
		m.n += len(ms)
		_ = m.r.store(ms) // it fails when the power goes
		synctest.Wait()
	}
	_ = m.r.stop()
	m.fs = m.fs.Restart()
	m.open()
}

// truncate has a master take over what its slave has, which is less.
func (m *quotaModel) truncate() {
	m.open()
	f := m.r.Follow()
	end, err := f.Boundary(max(f.Start(), f.End()-m.rng.Int64N(2*segment)))
	if err != nil {
		m.t.Fatal(err)
	}
	if end > f.Start() { // something is left
		m.did["truncated"]++
		if _, err := f.Truncate(end); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := f.Done(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *quotaModel) compare() {
	m.t.Helper()
	synctest.Wait() // nothing is given back meanwhile
	if got, want := m.r.held(m.t), m.r.heldInLog(m.t); !maps.Equal(got, want) {
		m.t.Fatalf("after message %d and %v the store counts %v; its log, from %d on, has %v", m.n, m.did, got, m.r.Stats().MinPhyOffset, want)
	}
}

// TestSendersTogetherKeepToTheQuota: not even what is in flight goes beyond it.
func TestSendersTogetherKeepToTheQuota(t *testing.T) {
	opts := options(diskfault.New(diskfault.Plan{Real: t.TempDir()}), false)
	opts.Quota = quotaOf
	r := mustStart(t, opts)
	var senders, watcher sync.WaitGroup
	over := make(chan struct{})
	watcher.Go(func() {
		for {
			for _, q := range r.Quotas() {
				if q.Bytes > q.Limit {
					t.Errorf("topic %s holds %d bytes, %d are allowed", q.Topic, q.Bytes, q.Limit)
				}
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for sender := range 8 {
		senders.Go(func() {
			refused := 0
			for n := sender; refused < 20; n += 8 {
				topic := []string{"Wild", "NoisyA", "Free"}[n%3]
				ms, _ := messagesOf(topic, n, 1+n%4)
				switch err := r.store(ms); {
				case errors.Is(err, store.ErrQuota) && topic != "Free":
					refused++
				case err != nil:
					t.Errorf("topic %s: %v", topic, err)
					return
				}
			}
		})
	}
	senders.Wait()
	close(over)
	watcher.Wait()
	got, want := r.held(t), r.heldInLog(t)
	if !maps.Equal(got, want) || got["Wild"] < quotaOf("Wild")*9/10 || got["NoisyA"] < quotaOf("NoisyA")*9/10 {
		t.Errorf("the store counts %v, its log has %v, and the quotas are %d and %d", got, want, quotaOf("Wild"), quotaOf("NoisyA"))
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestADeletedTopicHoldsNothing: not what nobody sees yet either, and what is
// stored under its name afterwards counts anew.
func TestADeletedTopicHoldsNothing(t *testing.T) {
	grown := make(chan int64, 100)
	opts := options(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true)
	opts.Quota, opts.Hold, opts.Grown = quotaOf, true, func(end int64) { grown <- end }
	r := mustStart(t, opts)
	putHeld := func(n int) (size int64) {
		ms, size := messagesOf("Wild", n, 10)
		if err := r.Put(ms, func(error) {}); err != nil {
			t.Fatal(err)
		}
		for last := ms[9].PhyOffset; <-grown <= last; {
		}
		return size
	}
	seen, hidden := putHeld(0), int64(0)
	r.Release(r.Confirmed(), nil)
	hidden = putHeld(10)
	if got := r.held(t)["Wild"]; got != seen+hidden {
		t.Errorf("%d bytes before, want %d that are seen and %d that are not", got, seen, hidden)
	}
	if err := r.DeleteTopic("Wild"); err != nil {
		t.Fatal(err)
	}
	if got := r.held(t)["Wild"]; got != 0 {
		t.Errorf("deleted, it holds %d bytes", got)
	}
	again := putHeld(20)
	if err := r.DeleteTopic("NoisyA"); err != nil { // another's deletion is none of its business
		t.Fatal(err)
	}
	r.Release(r.Confirmed(), nil)
	if got := r.held(t)["Wild"]; got != again {
		t.Errorf("made again, it holds %d bytes, want %d", got, again)
	}
	if got := r.heldInLog(t)["Wild"]; got != again {
		t.Errorf("the log has %d bytes of it, want %d", got, again)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestASlaveRefusesNothing: it copies what its master has taken, more than the
// quota here, and knows it when it is opened as a master.
func TestASlaveRefusesNothing(t *testing.T) {
	opts := options(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true)
	master := mustStart(t, opts) // has no quota
	var size int64
	for n := range 12 {
		ms, n := messagesOf("Wild", 30*n, 30)
		size += n
		if err := master.store(ms); err != nil {
			t.Fatal(err)
		}
	}
	log := rawLog(t, master.ReadRaw, 0, master.Confirmed())
	if err := master.stop(); err != nil {
		t.Fatal(err)
	}
	fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	o := copyOptions(fs, true)
	o.Quota = quotaOf
	slave := mustStart(t, o)
	f := slave.Follow()
	if err := copyLog(f, log, rand.New(rand.NewPCG(1, 2))); err != nil {
		t.Fatal(err)
	}
	settle(t, slave.Store, f)
	if got := slave.Quotas(); got != nil {
		t.Errorf("a slave says that it holds %v", got)
	}
	if err := slave.stop(); err != nil {
		t.Fatal(err)
	}
	o.Copy = false
	promoted := mustStart(t, o)
	if got := promoted.held(t)["Wild"]; got != size || got <= quotaOf("Wild") {
		t.Errorf("promoted, it holds %d bytes, want %d, more than the quota of %d", got, size, quotaOf("Wild"))
	}
	ms, _ := messagesOf("Wild", 0, 1)
	if err := promoted.store(ms); !errors.Is(err, store.ErrQuota) {
		t.Errorf("promoted, it answers %v, want ErrQuota", err)
	}
	if err := promoted.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestQuotasAreCountedWithoutAnIndex: one that is damaged, or that is gone, is made
// anew before anything is counted.
func TestQuotasAreCountedWithoutAnIndex(t *testing.T) {
	fs, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	opts := options(fs, true)
	opts.Quota = quotaOf
	r := mustStart(t, opts)
	for n := range 6 {
		ms, _ := messagesOf([]string{"Wild", "NoisyA", "Free"}[n%3], 20*n, 20)
		if err := r.store(ms); err != nil {
			t.Fatal(err)
		}
	}
	want := r.heldInLog(t)
	var unit [1]index.Unit
	if n, ok := r.Indexed().Range("Wild", 0, 7, unit[:]); n == 0 || !ok {
		t.Fatal("queue 0 of Wild has no unit 7")
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		harm func() error
		says string
	}{
		{"whole", func() error { return nil }, "store open"},
		{"gone", func() error { return fs.Remove("meta.db") }, "scannedFrom=0"},
		{"damaged", func() error { return flipUnit(fs, unit[0]) }, "a chunk of the index"},
	} {
		if err := tt.harm(); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		opts.Log = slog.New(slog.NewTextHandler(&log, nil))
		r = mustStart(t, opts)
		if got := r.held(t); !maps.Equal(got, want) {
			t.Errorf("with an index that is %s the store counts %v, want %v", tt.name, got, want)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), tt.says) {
			t.Errorf("an index that is %s should be logged as %q:\n%s", tt.name, tt.says, &log)
		}
	}
}

// flipUnit changes the unit u wherever the index's file has it.
func flipUnit(fs disk.FS, u index.Unit) error {
	f, err := fs.Open("meta.db")
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	wire := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(u.Size)), uint32(u.TagsCode))
	for at := 0; err == nil; at++ {
		n := bytes.Index(b[at:], wire)
		if n < 0 {
			break
		}
		at += n
		_, err = f.WriteAt([]byte{wire[0] ^ 0x41}, int64(at))
	}
	return errors.Join(err, f.Close())
}
