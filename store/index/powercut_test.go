package index

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store/table"
)

// A promise is what calls that returned nil have made durable.
type promise struct {
	topics  map[string]int32 // name → write queues
	values  map[string]string
	offsets map[queueName]int64 // as reset or deleted, which are durable on return
	commits map[queueName]int64 // the highest that was committed at all
	deleted map[string]bool
}

// work does what a store does until a call fails. The log is m's: durable
// throughout, as it is in a store when the index is told of it.
func work(fs disk.FS, m *model, p *promise) error {
	x, err := Open(Options{FS: fs, NoSync: true, JournalBytes: 32 << 10, ChunkRecords: 10, Now: ticking()})
	if err != nil {
		return err
	}
	err = workOn(x, m, p)
	if cerr := x.Close(); err == nil {
		err = cerr
	}
	return err
}

func workOn(x *Index, m *model, p *promise) error {
	m.apply(x)
	for i := range 3 {
		topic := table.Topic{Name: fmt.Sprintf("topic%d", i), WriteQueueNums: int32(i + 1)}
		if err := x.PutTopic(topic); err != nil {
			return err
		}
		p.topics[topic.Name] = topic.WriteQueueNums
		for range 12 {
			x.Apply(m.append())
		}
		if err := x.Seal(m.end); err != nil {
			return err
		}
		for q := range int32(3) {
			name := queueName{topic.Name, q}
			p.commits[name] = int64(10 * (i + 1))
			x.CommitOffset("G", topic.Name, q, p.commits[name])
		}
		if err := x.FlushOffsets(); err != nil {
			return err
		}
	}
	return workTables(x, m, p)
}

func workTables(x *Index, m *model, p *promise) error {
	if err := x.SetValue("storeId", []byte("s1")); err != nil {
		return err
	}
	p.values["storeId"] = "s1"
	name := queueName{"topic0", 1}
	delete(p.offsets, name)
	delete(p.commits, name)
	if err := x.ResetOffset("G", name.topic, name.id, 3); err != nil {
		return err
	}
	p.offsets[name] = 3
	if err := m.drop(x); err != nil {
		return err
	}
	delete(p.topics, "topic1")
	at := m.end
	if err := x.DeleteTopic("topic1", at); err != nil {
		m.maybeDeleted, m.maybeAt = "topic1", at
		return err
	}
	m.deleted["topic1"], p.deleted["topic1"] = at, true
	return x.SealAll(m.end)
}

func newPromise() *promise {
	return &promise{topics: map[string]int32{}, values: map[string]string{}, offsets: map[queueName]int64{},
		commits: map[queueName]int64{}, deleted: map[string]bool{}}
}

// TestPowerCut cuts the power at every operation. What was promised is there
// afterwards, and the index says what the log does once the records from the
// checkpoint on were applied.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	forEachOperation(t, func(n int, seed uint64) *diskfault.FS {
		fs := diskfault.New(diskfault.Plan{CutAt: n, Seed: seed, Real: t.TempDir()})
		m, p := newModel(seed), newPromise()
		if err := work(fs, m, p); err == nil && fs.Struck() {
			t.Fatalf("%v: the power went and no call failed", fs)
		}
		checkPromise(t, fs, m, p)
		return fs
	})
}

// TestFailure makes every operation fail once. The call that met it fails, and
// so does every later write: what is on the disk is unknown. Reads go on.
func TestFailure(t *testing.T) {
	t.Parallel()
	forEachOperation(t, func(n int, seed uint64) *diskfault.FS {
		fs := diskfault.New(diskfault.Plan{FailAt: n, Seed: seed, Real: t.TempDir()})
		m, p := newModel(seed), newPromise()
		x, err := Open(Options{FS: fs, NoSync: true, JournalBytes: 32 << 10, ChunkRecords: 10, Now: ticking()})
		if err == nil {
			err = workOn(x, m, p)
			if (err != nil) != fs.Struck() {
				t.Fatalf("%v: the work ended with %v", fs, err)
			}
			checkFailed(t, fs, x, err)
			m.settle(x)
			if cerr := x.Close(); cerr != nil && err != nil {
				t.Fatalf("%v: Close = %v", fs, cerr)
			}
		}
		checkPromise(t, fs, m, p)
		return fs
	})
}

func checkFailed(t *testing.T, fs *diskfault.FS, x *Index, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for name, err := range map[string]error{
		"Failed": x.Failed(), "PutTopic": x.PutTopic(table.Topic{Name: "new"}), "SetValue": x.SetValue("k", []byte("v")),
		"FlushOffsets": x.FlushOffsets(), "ResetOffset": x.ResetOffset("g", "t", 0, 1), "SealAll": x.SealAll(1 << 40),
		"DropBefore": x.DropBefore(1 << 40), "Truncate": x.Truncate(0),
	} {
		if !errors.Is(err, ErrFailed) {
			t.Fatalf("%v: %s = %v, want ErrFailed", fs, name, err)
		}
	}
	if _, ok := x.Topic("new"); ok {
		t.Fatalf("%v: a topic that could not be stored is shown", fs)
	}
	readEverything(t, x)
}

// readEverything reads all queues, which must not fail.
func readEverything(t *testing.T, x *Index) {
	t.Helper()
	var names []queueName
	x.EachQueue(func(topic string, id int32, _, _ int64) { names = append(names, queueName{topic, id}) })
	for _, name := range names {
		readAll(t, x, name, 32)
	}
}

// forEachOperation calls run for each operation, with several seeds each, until
// run's fault does not strike any more.
func forEachOperation(t *testing.T, run func(n int, seed uint64) *diskfault.FS) {
	t.Helper()
	const choices = 8 // in how many ways one fault can end
	tried := 0
	for n, strikes := 1, true; strikes; n++ {
		if n == 1000 {
			t.Fatal("the work has no end")
		}
		strikes = false
		for seed := range uint64(choices) {
			if run(n, *onlySeed+uint64(n)*choices+seed).Struck() {
				strikes = true
				tried++
			}
		}
	}
	t.Logf("%d faults", tried)
}

func checkPromise(t *testing.T, fs *diskfault.FS, m *model, p *promise) {
	t.Helper()
	x, err := Open(Options{FS: fs.Restart(), NoSync: true, ChunkRecords: 10, Now: ticking()})
	if err != nil {
		t.Fatalf("%v: Open after the power cut = %v", fs, err)
	}
	defer closeIndex(t, x)
	m.settle(x)
	m.apply(x)
	if err := m.dropAgain(x); err != nil { // again: the log was not taken yet
		t.Fatal(err)
	}
	m.check(t, x, fs.String())
	for name, queues := range p.topics {
		if got, ok := x.Topic(name); !ok || got.WriteQueueNums != queues {
			t.Fatalf("%v: Topic(%s) = %+v, %v, want %d write queues", fs, name, got, ok, queues)
		}
	}
	for name := range p.deleted {
		if got, ok := x.Topic(name); ok || slices.ContainsFunc(x.Offsets("G"), func(g GroupOffset) bool { return g.Topic == name }) {
			t.Fatalf("%v: the deleted topic %s is back: %+v, offsets %v", fs, name, got, x.Offsets("G"))
		}
	}
	for key, want := range p.values {
		if got := x.Value(key); string(got) != want {
			t.Fatalf("%v: Value(%s) = %q, want %q", fs, key, got, want)
		}
	}
	for name, want := range p.offsets {
		if got, ok := x.Offset("G", name.topic, name.id); got != want || !ok {
			t.Fatalf("%v: Offset(%v) = %d, %v, want %d", fs, name, got, ok, want)
		}
	}
	for name, most := range p.commits {
		if got, _ := x.Offset("G", name.topic, name.id); got > most {
			t.Fatalf("%v: Offset(%v) = %d, and only %d was committed", fs, name, got, most)
		}
	}
}
