package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

func sliceOf(m record.Message) []record.Message { return []record.Message{m} }

// put stores one message and waits for its OK.
func put(t *testing.T, s *store.Store, m record.Message) record.Message {
	t.Helper()
	ms, done := sliceOf(m), make(chan error, 1)
	if err := s.Put(ms, func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return ms[0]
}

func openOnDisk(t *testing.T, syncFlush bool) (*running, store.Options) {
	t.Helper()
	fs, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	opts := options(fs, syncFlush)
	return mustStart(t, opts), opts
}

func TestGetAnswersLikeRocketMQ(t *testing.T) {
	r, _ := openOnDisk(t, true)
	defer r.stop()
	for n := range 10 {
		m := message(n, 1)
		m.Topic, m.QueueID, m.Properties = "T", 1, fmt.Sprintf("TAGS\x01Tag%d", n%2)
		put(t, r.Store, m)
	}
	odd := tagFilter(record.TagsCode("Tag1"))
	tests := []struct {
		name      string
		topic     string
		queue     int32
		offset    int64
		max       int
		filter    store.Filter
		status    store.Status
		next, end int64
		count     int
	}{
		{"from the start", "T", 1, 0, 32, nil, store.Found, 10, 10, 10},
		{"at most four", "T", 1, 3, 4, nil, store.Found, 7, 10, 4},
		{"every other", "T", 1, 0, 32, odd, store.Found, 10, 10, 5},
		{"two of every other", "T", 1, 0, 2, odd, store.Found, 4, 10, 2},
		{"none matches", "T", 1, 0, 32, tagFilter(7), store.NoMatchedMessage, 10, 10, 0},
		{"at the end", "T", 1, 10, 32, nil, store.OffsetOverflowOne, 10, 10, 0},
		{"beyond the end", "T", 1, 11, 32, nil, store.OffsetOverflowBadly, 10, 10, 0},
		{"below the start", "T", 1, -1, 32, nil, store.OffsetTooSmall, 0, 10, 0},
		{"no such queue", "T", 2, 5, 32, nil, store.NoMatchedLogicQueue, 0, 0, 0},
		{"no such topic", "U", 0, 0, 32, nil, store.NoMatchedLogicQueue, 0, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, err := r.Get(tt.topic, tt.queue, tt.offset, tt.max, 1<<20, tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			if g.Status != tt.status || g.NextBeginOffset != tt.next || g.MaxOffset != tt.end || g.Count != tt.count {
				t.Errorf("Get = %v next %d max %d count %d, want %v next %d max %d count %d",
					g.Status, g.NextBeginOffset, g.MaxOffset, g.Count, tt.status, tt.next, tt.end, tt.count)
			}
			if (len(g.Body) > 0) != (tt.status == store.Found) {
				t.Errorf("%v comes with %d bytes", g.Status, len(g.Body))
			}
			g.Release()
		})
	}
}

type tagFilter int64

func (f tagFilter) Match(code int64) bool { return code == int64(f) }

func TestGetKeepsItsBounds(t *testing.T) {
	r, _ := openOnDisk(t, false)
	defer r.stop()
	m := message(0, 1)
	m.Topic, m.QueueID, m.Body = "T", 0, make([]byte, 10_000)
	for range 60 {
		put(t, r.Store, m)
	}
	g, err := r.Get("T", 0, 0, 100, 1<<30, nil)
	if err != nil || len(g.Body) > 256<<10 || g.Count < 20 {
		t.Errorf("an unbounded Get takes %d records, %d bytes, %v; want at most 256 KiB", g.Count, len(g.Body), err)
	}
	g, err = r.Get("T", 0, 0, 100, 1, nil)
	if err != nil || g.Count != 1 {
		t.Errorf("a Get of one byte takes %d records, %v; want 1", g.Count, err)
	}
}

func TestBatchesStayTogether(t *testing.T) {
	r, _ := openOnDisk(t, true)
	defer r.stop()
	for batch := range 40 {
		var ms []record.Message
		for i := range 5 {
			m := message(batch*5+i, 1)
			m.Topic, m.QueueID = "T", 0
			ms = append(ms, m)
		}
		done := make(chan error, 1)
		if err := r.Put(ms, func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for i, m := range ms {
			if m.QueueOffset != int64(batch*5+i) || m.PhyOffset/segment != ms[0].PhyOffset/segment || m.StoreTimestamp != ms[0].StoreTimestamp {
				t.Fatalf("batch %d message %d lies at %d, queue offset %d, time %d; the first at %d, time %d",
					batch, i, m.PhyOffset, m.QueueOffset, m.StoreTimestamp, ms[0].PhyOffset, ms[0].StoreTimestamp)
			}
		}
	}
}

func TestOffsetByTime(t *testing.T) {
	r, _ := openOnDisk(t, true)
	defer r.stop()
	var stamps []int64
	for n := range 30 {
		m := message(n, 1)
		m.Topic, m.QueueID = "T", 0
		stamps = append(stamps, put(t, r.Store, m).StoreTimestamp)
	}
	first, last := stamps[0], stamps[len(stamps)-1]
	for _, ts := range []int64{first - 1, first, (first + last) / 2, last, last + 1} {
		lower, _ := slices.BinarySearch(stamps, ts)
		got, err := r.OffsetByTime("T", 0, ts, false)
		if err != nil || got != int64(lower) {
			t.Errorf("OffsetByTime(%d) = %d, %v; want %d", ts, got, err, lower)
		}
		upper, _ := slices.BinarySearch(stamps, ts+1)
		got, err = r.OffsetByTime("T", 0, ts, true)
		if want := int64(max(upper-1, 0)); err != nil || got != want {
			t.Errorf("OffsetByTime(%d, upper) = %d, %v; want %d", ts, got, err, want)
		}
	}
	if got, err := r.StoreTimestamp("T", 0, 29); err != nil || got != last {
		t.Errorf("StoreTimestamp(29) = %d, %v; want %d", got, err, last)
	}
	if got, err := r.StoreTimestamp("T", 0, 30); err != nil || got != -1 {
		t.Errorf("StoreTimestamp(30) = %d, %v; want -1", got, err)
	}
}

func TestRecordAt(t *testing.T) {
	r, _ := openOnDisk(t, true)
	defer r.stop()
	m := put(t, r.Store, message(3, 1))
	b, err := r.RecordAt(m.PhyOffset)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := record.Parse(b, record.Limits{}); err != nil || string(v.Body()) != string(m.Body) {
		t.Errorf("RecordAt(%d) is another record (%v)", m.PhyOffset, err)
	}
	for _, off := range []int64{-1, m.PhyOffset + 1, r.Stats().MaxPhyOffset, 1 << 40} {
		if _, err := r.RecordAt(off); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("RecordAt(%d) = %v, want ErrNotFound", off, err)
		}
	}
}

func TestRestartGoesOnWhereItEnded(t *testing.T) {
	r, opts := openOnDisk(t, false)
	if _, err := putAll(r.Store, 0, 300, 16, queues); err != nil {
		t.Fatal(err)
	}
	r.CommitOffset("g", "Topic1", 1, 17)
	before := snapshot(t, r.Store, queues)
	for range 3 {
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		opts.Log = slog.New(slog.NewTextHandler(&log, nil))
		r = mustStart(t, opts)
		if !strings.Contains(log.String(), "scannedBytes=0") {
			t.Fatalf("after a clean stop the log was read again: %s", &log)
		}
		opts.Log = nil
		if after := snapshot(t, r.Store, queues); !maps.EqualFunc(before, after, slices.Equal) {
			t.Fatalf("after a restart there is\n%v\nbefore\n%v", after, before)
		}
		if off, ok := r.Offset("g", "Topic1", 1); !ok || off != 17 {
			t.Fatalf("the consumer offset is %d, %v after a restart, want 17", off, ok)
		}
	}
	defer r.stop()
	m := message(0, queues)
	_, end := 0, r.MaxOffset(m.Topic, m.QueueID)
	if got := put(t, r.Store, m).QueueOffset; got != end {
		t.Errorf("the next message has queue offset %d, want %d", got, end)
	}
}

// TestDamageInTheMiddleIsNeverSkipped flips one bit of an old record and
// deletes the index, so that recovery has to read it.
func TestDamageInTheMiddleIsNeverSkipped(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	for round := range 30 {
		fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
		opts := options(fs, true)
		r := mustStart(t, opts)
		acks, err := putAll(r.Store, 0, 120, 8, queues)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(acks, func(a, b ack) int { return int(a.phy - b.phy) })
		hit := rng.IntN(len(acks) / 2)
		at := acks[hit].phy + int64(rng.IntN(int(acks[hit+1].phy-acks[hit].phy)))
		flipBit(t, fs, at, rng)
		if err := fs.Remove("meta.db"); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(opts)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if !s.Stats().ReadOnly {
			t.Fatalf("round %d: byte %d of record %d at %d is damaged, 60 good ones follow up to %d, and the store opened for writing with %d",
				round, at-acks[hit].phy, hit, acks[hit].phy, acks[len(acks)-1].phy, s.Stats().MaxPhyOffset)
		}
		if err := s.Put(sliceOf(message(0, 1)), func(error) {}); !errors.Is(err, store.ErrReadOnly) {
			t.Fatalf("round %d: Put on a damaged store says %v, want ErrReadOnly", round, err)
		}
		for _, a := range acks[:hit] { // what lies before the damage is served
			if err := checkAcked(s, a, queues); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// flipBit damages the log's byte at off.
func flipBit(t *testing.T, fs disk.FS, off int64, rng *rand.Rand) {
	t.Helper()
	f, err := fs.Open(fmt.Sprintf("commitlog/%020d", off/segment*segment))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], off%segment); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << rng.IntN(8)
	if _, err := f.WriteAt(b[:], off%segment); err != nil {
		t.Fatal(err)
	}
	if err := f.Datasync(); err != nil {
		t.Fatal(err)
	}
}

// TestACutEndIsNoticed loses the log's end, from any byte on, while the daemon
// is down, after a clean stop and after a crash.
func TestACutEndIsNoticed(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for round := range 40 {
		fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
		r := mustStart(t, options(fs, true))
		acks, err := putAll(r.Store, 0, 120, 8, queues)
		if err != nil {
			t.Fatal(err)
		}
		end := r.Stats().MaxPhyOffset
		if round%2 == 0 {
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
		} else {
			left := fs.Kill()
			_ = r.stop() // it is dead already: this frees its goroutines
			fs = left
		}
		last := (end - 1) / segment * segment
		cut := last + rng.Int64N(end-last-100)
		if err := fs.Poke(fmt.Sprintf("commitlog/%020d", last), cut-last, make([]byte, segment-(cut-last))); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(options(fs, true))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if sealed := s.Stats().ReadOnly; !sealed && round%2 == 0 {
			t.Fatalf("round %d: %d of %d bytes are gone after a clean stop, and the store opened for writing", round, end-cut, end)
		}
		for _, a := range acks {
			if a.phy+1000 < cut {
				if err := checkAcked(s, a, queues); err != nil {
					t.Fatalf("round %d, cut at %d: %v", round, cut, err)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOldSegmentsGo: by the store's budget first, then by age.
func TestOldSegmentsGo(t *testing.T) {
	r, opts := openOnDisk(t, true)
	if _, err := putAll(r.Store, 0, 600, 16, queues); err != nil {
		t.Fatal(err)
	}
	opts.MaxBytes = r.Stats().StoreBytes - 4*segment
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r = mustStart(t, opts)
	if err := r.Clean(time.Now()); err != nil {
		t.Fatal(err)
	}
	st := r.Stats()
	if st.StoreBytes > opts.MaxBytes || st.MinPhyOffset < 4*segment || st.MinPhyOffset > 5*segment {
		t.Errorf("the store takes %d bytes, at most %d are allowed; the log begins at %d", st.StoreBytes, opts.MaxBytes, st.MinPhyOffset)
	}
	for key, records := range snapshot(t, r.Store, queues) {
		topic, q, _ := strings.Cut(key, "/")
		first := r.MinOffset(topic, int32(q[0]-'0'))
		if want := fmt.Sprintf("%d@", first); !strings.HasPrefix(records[0], want) || first == 0 {
			t.Errorf("%s begins with %s, want queue offset %d", key, records[0], first)
		}
	}
	g, err := r.Get("Topic0", 0, 0, 1, 1<<20, nil)
	if err != nil || g.Status != store.OffsetTooSmall || g.NextBeginOffset != r.MinOffset("Topic0", 0) {
		t.Errorf("a deleted offset gives %v, next %d, %v", g.Status, g.NextBeginOffset, err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	opts.MaxBytes, opts.Reserved = 0, time.Millisecond
	r = mustStart(t, opts)
	defer r.stop()
	if err := r.Clean(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if st := r.Stats(); st.MaxPhyOffset-st.MinPhyOffset > segment {
		t.Errorf("when all is old %d bytes are kept, want the last segment alone", st.MaxPhyOffset-st.MinPhyOffset)
	}
}

// A roomMaker is asked for room, and has old segments given back meanwhile.
type roomMaker struct{ clean func() error }

func (m roomMaker) Reserve(int) error { return m.clean() }

// TestSegmentsGoWhileTheyAreRead: a reader that has just looked up records in a segment
// that is given back goes on with the first one that is still there.
func TestSegmentsGoWhileTheyAreRead(t *testing.T) {
	r, opts := openOnDisk(t, true)
	if _, err := putAll(r.Store, 0, 600, 16, queues); err != nil {
		t.Fatal(err)
	}
	opts.MaxBytes = r.Stats().StoreBytes - 4*segment
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r = mustStart(t, opts)
	defer r.stop()
	var first int64 // of the queue, once the segments are gone
	for _, rec := range snapshot(t, r.Store, queues)["Topic0/0"] {
		var phy int64
		if _, err := fmt.Sscanf(rec, "%d@%d", &first, &phy); err != nil {
			t.Fatal(err)
		}
		if phy >= 4*segment {
			break
		}
	}
	from := first - 3
	g, err := r.GetWithin("Topic0", 0, from, 32, 1<<20, nil, roomMaker{func() error { return r.Clean(time.Now()) }})
	if first = r.MinOffset("Topic0", 0); first <= from || first >= from+32 {
		t.Fatalf("the queue begins at %d, which says nothing of a reader at %d", first, from)
	}
	if err != nil || g.Status != store.MessageWasRemoving || g.NextBeginOffset != first || g.MinOffset != first {
		t.Errorf("a reader at %d is told %v, next %d, first %d, %v; want %d", from, g.Status, g.NextBeginOffset, g.MinOffset, err, first)
	}
}

func TestASecondDaemonIsRefused(t *testing.T) {
	r, opts := openOnDisk(t, true)
	defer r.stop()
	if _, err := store.Open(opts); !errors.Is(err, disk.ErrLocked) {
		t.Errorf("a second Open says %v, want ErrLocked", err)
	}
}

// TestRecordsAreApaches checks the header fields of what lies in the file.
func TestRecordsAreApaches(t *testing.T) {
	r, opts := openOnDisk(t, true)
	m := put(t, r.Store, message(5, 1))
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	f, err := opts.FS.Open("commitlog/00000000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [92]byte
	if _, err := f.ReadAt(b[:], m.PhyOffset); err != nil {
		t.Fatal(err)
	}
	if magic := binary.BigEndian.Uint32(b[4:]); magic != record.MagicV1 {
		t.Errorf("magic %x, want %x", magic, record.MagicV1)
	}
	if size, err := f.Size(); err != nil || size != segment {
		t.Errorf("the segment has %d bytes, %v; want %d", size, err, segment)
	}
}

// TestHeldRecordsWaitForTheirRelease: with Hold nobody sees or is answered what
// was not released, and what was given up is visible all the same (R5).
func TestHeldRecordsWaitForTheirRelease(t *testing.T) {
	grown := make(chan int64, 10)
	o := options(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true)
	o.Hold, o.Grown = true, func(end int64) { grown <- end }
	r := mustStart(t, o)
	defer r.stop()
	lost := errors.New("no slave had it")
	for i, outcome := range []error{nil, lost} {
		m := message(i, 1)
		m.Topic, m.QueueID = "T", 0
		done := make(chan error, 1)
		if err := r.Put(sliceOf(m), func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		end := <-grown
		if got := r.MaxOffset("T", 0); got != int64(i) || r.Confirmed() != end || len(done) != 0 {
			t.Errorf("before its release: the queue ends at %d, confirmed to %d of %d, %d answers", got, r.Confirmed(), end, len(done))
		}
		// A slave may have given it to a consumer already, who comes back here.
		for ahead, want := range []store.Status{store.OffsetOverflowOne, store.OffsetOverflowBadly} {
			next := int64(i + 1 + ahead)
			res, err := r.Get("T", 0, next, 1, 1, nil)
			if ahead == 1 && i == 0 {
				want = store.NoMatchedLogicQueue
			}
			if err != nil || res.Status != want || ahead == 0 && res.NextBeginOffset != next {
				t.Errorf("before its release, from %d on: %v, go on at %d, %v; want %v", next, res.Status, res.NextBeginOffset, err, want)
			}
		}
		r.Release(end, outcome)
		if err := <-done; err != outcome {
			t.Errorf("the sender is told %v, want %v", err, outcome)
		}
		if got := r.MaxOffset("T", 0); got != int64(i)+1 {
			t.Errorf("after its release: the queue ends at %d, want %d", got, i+1)
		}
	}
}
