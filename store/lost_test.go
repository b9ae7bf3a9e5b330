package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

// A holed is a disk of which a part of one segment cannot be read.
type holed struct {
	*diskfault.FS
	base     int64 // of the segment
	from, to atomic.Int64
	times    atomic.Int64 // that it fails
}

type holedFile struct {
	disk.File
	d *holed
}

func (d *holed) Open(name string) (disk.File, error) {
	f, err := d.FS.Open(name)
	if err != nil || name != fmt.Sprintf("commitlog/%020d", d.base) {
		return f, err
	}
	return holedFile{f, d}, nil
}

func (f holedFile) ReadAt(p []byte, off int64) (int, error) {
	if off < f.d.to.Load() && off+int64(len(p)) > f.d.from.Load() && f.d.fails() {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(p, off)
}

// forever has a holed disk fail each time.
const forever = 1 << 40

func (d *holed) fails() bool { return d.times.Add(-1) >= 0 }

// A queueOfOne is a store with one queue of messages, and where they lie.
type queueOfOne struct {
	*running
	d        *holed
	phy, len []int64 // by queue offset
	raw      []byte
	logged   *lockedBuffer
}

const lostQueueLen = 150 // two sealed segments and a part of one more

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// newQueueOfOne stores the messages and starts the store once more, so that it trusts
// no segment. change changes the options of that start.
func newQueueOfOne(t *testing.T, dir string, change func(*store.Options)) *queueOfOne {
	t.Helper()
	return newQueueOfOneApart(t, dir, 0, change)
}

// newQueueOfOneApart lets some time pass between the messages.
func newQueueOfOneApart(t *testing.T, dir string, apart time.Duration, change func(*store.Options)) *queueOfOne {
	t.Helper()
	q := &queueOfOne{d: &holed{FS: diskfault.New(diskfault.Plan{Real: dir})}, logged: new(lockedBuffer)}
	r := mustStart(t, options(q.d, true))
	for n := range lostQueueLen {
		m := message(n, 1)
		m.Topic, m.QueueID, m.Body, m.Properties = "T", 0, bytes.Repeat([]byte{byte(n)}, 400), fmt.Sprintf("TAGS\x01Tag%d\x02UNIQ_KEY\x01key%06d", n%2, n)
		time.Sleep(apart)
		m = put(t, r.Store, m)
		q.phy = append(q.phy, m.PhyOffset)
	}
	q.raw = rawLog(t, r.ReadRaw, 0, r.Confirmed())
	for _, at := range q.phy {
		q.len = append(q.len, int64(record32(q.raw[at:])))
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	opts := options(q.d, true)
	opts.Log = slog.New(slog.NewTextHandler(q.logged, nil))
	if change != nil {
		change(&opts)
	}
	q.running = mustStart(t, opts)
	return q
}

// spoil flips bits of the message's record, at a position in it.
func (q *queueOfOne) spoil(t *testing.T, offset int, at int64) {
	t.Helper()
	spoil(t, q.d.FS, q.raw, q.phy[offset]+at, 2)
}

// consume reads the queue as clients do, from offset on to its end, again after
// errors, and returns what it was given.
func (q *queueOfOne) consume(t *testing.T, offset int64, most int, f store.Filter) (given []int, pulls int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("the consumer stands at %d", offset)
		}
		g, err := q.Get("T", 0, offset, most, 1<<20, f)
		if err != nil {
			continue
		}
		pulls++
		for b := g.Body; len(b) > 0; {
			v, err := record.Parse(b, record.Limits{})
			if err != nil || v.CheckWhole() != nil {
				t.Fatalf("at %d: %v, %v", offset, err, v.CheckWhole())
			}
			if f == nil || f.Match(v.TagsCode()) {
				given = append(given, int(v.QueueOffset()))
			}
			b = b[v.Size():]
		}
		switch {
		case g.Status == store.OffsetOverflowOne:
			return given, pulls
		case g.NextBeginOffset <= offset:
			t.Fatalf("at %d: %v, go on at %d", offset, g.Status, g.NextBeginOffset)
		}
		offset = g.NextBeginOffset
	}
}

// allBut are the offsets of the queue's messages that f lets through, without lost.
func allBut(lost []int, f func(int) bool) (all []int) {
	for n := range lostQueueLen {
		if !slices.Contains(lost, n) && f(n) {
			all = append(all, n)
		}
	}
	return all
}

func everyOne(int) bool { return true }

// TestConsumersAreLedAroundWhatIsLost damages a log that nobody else has, in many
// ways: every consumer gets all that is left, and the log says what is not.
func TestConsumersAreLedAroundWhatIsLost(t *testing.T) {
	const inSize, inPhyOffset, inBody = 2, 30, 150
	const firstOfSegment, lastOfSegment = -1, -2
	last := lostQueueLen - 1
	alternating := []int{20, 22, 24, 26, 28, 30, 32, 34, 36, 38}
	tests := []struct {
		name  string
		lost  []int
		at    int64    // in the record
		holes [2]int64 // bytes of the first segment that cannot be read
	}{
		{name: "a size", lost: []int{10}, at: inSize},
		{name: "a magic code", lost: []int{10}, at: 4},
		{name: "an offset", lost: []int{10}, at: inPhyOffset},
		{name: "a body", lost: []int{10}, at: inBody},
		{name: "properties", lost: []int{10}, at: -30},
		{name: "the first", lost: []int{0}, at: inBody},
		{name: "the first of a segment", lost: []int{firstOfSegment}, at: inSize},
		{name: "the last of a segment", lost: []int{lastOfSegment}, at: inSize},
		{name: "the very last", lost: []int{last}, at: inBody},
		{name: "the very last one's size", lost: []int{last}, at: inSize},
		{name: "the last three", lost: []int{last - 2, last - 1, last}, at: inSize},
		{name: "several in a row", lost: []int{7, 8, 9, 10, 11, 12}, at: inSize},
		{name: "more than a pull takes", lost: seq(3, 50), at: inBody},
		{name: "every other", lost: alternating, at: inBody},
		{name: "a page that cannot be read", holes: [2]int64{8192, 12288}},
		{name: "a segment that cannot be read", holes: [2]int64{0, segment}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := newQueueOfOne(t, t.TempDir(), nil)
			border := slices.IndexFunc(q.phy, func(at int64) bool { return at >= segment })
			var lost []int
			for _, n := range test.lost {
				switch n {
				case firstOfSegment:
					n = border
				case lastOfSegment:
					n = border - 1
				}
				lost = append(lost, n)
				at := test.at
				if at < 0 {
					at += q.len[n]
				}
				q.spoil(t, n, at)
			}
			if from, to := test.holes[0], test.holes[1]; to > 0 {
				q.d.times.Store(forever)
				q.d.from.Store(from)
				q.d.to.Store(to)
				for n, at := range q.phy {
					if at < to && at+q.len[n] > from {
						lost = append(lost, n)
					}
				}
			}
			if got, pulls := q.consume(t, 0, 32, nil); !slices.Equal(got, allBut(lost, everyOne)) {
				t.Errorf("a consumer was given %v, all but %v are there", got, lost)
			} else if pulls > 40 {
				t.Errorf("it took %d pulls", pulls)
			}
			led := q.Stats().LedAround
			if led < int64(len(lost)) {
				t.Errorf("it was led around %d messages, %d are lost", led, len(lost))
			}
			for tag := range 2 {
				f := tagFilter(record.TagsCode(fmt.Sprintf("Tag%d", tag)))
				if got, _ := q.consume(t, 0, 5, f); !slices.Equal(got, allBut(lost, func(n int) bool { return n%2 == tag })) {
					t.Errorf("a consumer of Tag%d was given %v, all but %v are there", tag, got, lost)
				}
			}
			if got := q.Stats().LedAround - led; got != int64(len(lost)) { // each of them has one of the tags
				t.Errorf("the filtered ones were led around %d messages, want %d", got, len(lost))
			}
			st := q.Stats()
			if st.Lost == 0 || st.LostMessages != len(lost) || st.Flaws != st.Lost {
				t.Errorf("%d parts are damaged, %d lost with %d messages, want %d messages", st.Flaws, st.Lost, st.LostMessages, len(lost))
			}
			if n := q.logged.count("level=ERROR msg=\"messages are lost"); n < st.Lost || n > len(lost) {
				t.Errorf("the log says %d times that messages are lost, of %d parts", n, st.Lost)
			}
			readOver(t, q.Store)
			if now := q.Stats(); now.LostMessages != len(lost) {
				t.Errorf("read over once more, %d messages are lost, want %d", now.LostMessages, len(lost))
			}
			if err := q.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// seq is from, from+1, … up to, not with, to.
func seq(from, to int) (all []int) {
	for n := from; n < to; n++ {
		all = append(all, n)
	}
	return all
}

// TestOnePullPassesAllThatIsLost: in a sealed segment one look finds all of it.
func TestOnePullPassesAllThatIsLost(t *testing.T) {
	q := newQueueOfOne(t, t.TempDir(), nil)
	for n := 5; n < 45; n++ {
		q.spoil(t, n, 150)
	}
	q.consume(t, 0, 32, nil)
	tests := []struct {
		from, most  int
		f           store.Filter
		status      store.Status
		next, count int64
	}{
		{0, 5, nil, store.Found, 5, 5},
		{0, 6, nil, store.Found, 46, 6}, // what is good before and behind
		{5, 1, nil, store.Found, 46, 1},
		{44, 32, nil, store.Found, 77, 32},
		{5, 32, tagFilter(7), store.NoMatchedMessage, lostQueueLen, 0},
	}
	for _, test := range tests {
		g, err := q.Get("T", 0, int64(test.from), test.most, 1<<20, test.f)
		if err != nil || g.Status != test.status || g.NextBeginOffset != test.next || g.Count != int(test.count) {
			t.Errorf("%d from %d on: %v, %d messages, go on at %d, %v; want %v, %d, %d",
				test.most, test.from, g.Status, g.Count, g.NextBeginOffset, err, test.status, test.count, test.next)
		}
	}
	for n := 45; n < lostQueueLen; n++ {
		q.spoil(t, n, 150)
	}
	q.consume(t, 0, 32, nil)
	g, err := q.Get("T", 0, 5, 32, 1<<20, nil)
	if err != nil || g.Status != store.MessageWasRemoving || g.NextBeginOffset != lostQueueLen || g.Count != 0 {
		t.Errorf("with nothing behind: %v, go on at %d, %v", g.Status, g.NextBeginOffset, err)
	}
	if err := q.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestWhatMayComeBackIsWaitedFor: as long as somebody may have what is damaged, a
// consumer waits; once nobody has it, that one goes on; and when it is there after
// all, later ones get it.
func TestWhatMayComeBackIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		var asked atomic.Int64
		away.Store(true)
		q := newQueueOfOne(t, dir, func(o *store.Options) {
			o.Flawed = func(_ context.Context, flaws []store.Flaw) []store.Flaw {
				asked.Add(1)
				if away.Load() && time.Since(flaws[0].Found) < 10*time.Minute {
					return nil
				}
				return flaws
			}
		})
		defer q.cancel()
		q.spoil(t, 10, 150)
		began := time.Now()
		for {
			g, err := q.Get("T", 0, 10, 32, 1<<20, nil)
			if err == nil && g.Status == store.Found && g.NextBeginOffset > 10 {
				break
			}
			if waited := time.Since(began); err == nil || waited > 12*time.Minute {
				t.Fatalf("after %v: %v, %v", waited, g.Status, err)
			}
			<-time.After(3 * time.Second) // as clients do
		}
		if waited := time.Since(began); waited < 10*time.Minute || waited > 11*time.Minute+3*time.Second {
			t.Errorf("it waited %v, want 10 minutes and the one in which that is noticed", waited)
		}
		if n := asked.Load(); n < 10 || n > 20 {
			t.Errorf("what is damaged was asked for %d times in 10 minutes, want once a minute, and when all is read over", n)
		}
		st := q.Stats()
		if st.Lost != 1 || st.LostMessages != 1 || st.LedAround != 1 {
			t.Errorf("%+v", st)
		}
		if err := q.d.Poke(fmt.Sprintf("commitlog/%020d", 0), q.phy[10]+150, q.raw[q.phy[10]+150:][:2]); err != nil {
			t.Fatal(err)
		}
		readOver(t, q.Store)
		if got, _ := q.consume(t, 0, 32, nil); !slices.Equal(got, allBut(nil, everyOne)) || len(q.Flaws()) != 0 {
			t.Errorf("after the repair a consumer was given %v; damaged are %v", got, q.Flaws())
		}
		if err := q.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAReadErrorThatPassesLosesNothing: the medium fails to give some bytes a few
// times, to the consumer and to who looks after it.
func TestAReadErrorThatPassesLosesNothing(t *testing.T) {
	for times := int64(1); times < 6; times++ {
		q := newQueueOfOne(t, t.TempDir(), nil)
		q.d.times.Store(times)
		q.d.from.Store(9000)
		q.d.to.Store(9001)
		if got, _ := q.consume(t, 0, 32, nil); !slices.Equal(got, allBut(nil, everyOne)) {
			t.Errorf("after %d errors a consumer was given %v", times, got)
		}
		if st := q.Stats(); st.LostMessages > 0 || st.LedAround > 0 || q.logged.count("messages are lost") > 0 {
			t.Errorf("after %d errors %d messages are lost", times, st.LostMessages)
		}
		if err := q.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestASegmentWithoutABeginningGrowsOld: the age of what is before it is told by the
// first record of the next segment, which cannot be read.
func TestASegmentWithoutABeginningGrowsOld(t *testing.T) {
	for _, to := range []int64{4096, segment} {
		q := newQueueOfOne(t, t.TempDir(), func(o *store.Options) {
			o.Reserved = time.Millisecond
			o.FS.(*holed).base = segment
		})
		q.d.times.Store(forever)
		q.d.to.Store(to)
		stored := q.Stats().MaxPhyOffset / segment * segment
		for range 3 {
			if err := q.Clean(time.Now().Add(time.Minute)); err != nil {
				t.Fatalf("with %d bytes that cannot be read: %v", to, err)
			}
		}
		want := stored
		if to == segment {
			want = 0 // nobody knows how old it is: the budget has it go
		}
		if got := q.Stats().MinPhyOffset; got != want {
			t.Errorf("with %d bytes that cannot be read the log begins at %d, want %d", to, got, want)
		}
		if err := q.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhatIsMendedIsServedAtOnce has the other half come back after consumers were
// led around: a comparison that mends the log is all it takes.
func TestWhatIsMendedIsServedAtOnce(t *testing.T) {
	p := newPair(t, 300)
	if err := p.slave.stop(); err != nil {
		t.Fatal(err)
	}
	opts := copyOptions(p.slaveDisk, true)
	p.slave = mustStart(t, opts)
	u := p.starts()[9]
	v, err := record.Parse(p.log[u:], record.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	spoil(t, p.slaveDisk, p.log, u+40, 1)
	get := func() store.Result {
		var g store.Result
		waitUntil(t, func() bool {
			g, err = p.slave.Get(string(v.Topic()), v.QueueID(), v.QueueOffset(), 1, 1<<20, nil)
			return err == nil
		})
		return g
	}
	if g := get(); g.Status != store.Found || g.NextBeginOffset != v.QueueOffset()+2 {
		t.Fatalf("%v, go on at %d, want %d", g.Status, g.NextBeginOffset, v.QueueOffset()+2)
	}
	if got := compare(t, p.slave.Store, peerOf(p.master.Store), true); kinds(got) != "REPAIRED" {
		t.Fatal(got)
	}
	if g := get(); g.Status != store.Found || g.NextBeginOffset != v.QueueOffset()+1 {
		t.Errorf("once it is mended: %v, go on at %d, want %d", g.Status, g.NextBeginOffset, v.QueueOffset()+1)
	}
	if n := p.slave.Stats().Lost; n != 0 {
		t.Errorf("%d parts are still lost", n)
	}
}

// TestWhatIsCutOffIsNotLost: a slave's log is cut off before a lost part, and other
// records come to lie there.
func TestWhatIsCutOffIsNotLost(t *testing.T) {
	p := newPair(t, 300)
	if err := p.slave.stop(); err != nil {
		t.Fatal(err)
	}
	p.slave = mustStart(t, copyOptions(p.slaveDisk, true))
	f := p.slave.Follow()
	starts := p.starts()
	cut := starts[len(starts)-20]
	at := starts[len(starts)-12]
	v, err := record.Parse(p.log[at:], record.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	get := func(max int) (g store.Result, err error) {
		return p.slave.Get(string(v.Topic()), v.QueueID(), v.QueueOffset(), max, 1<<20, nil)
	}
	spoil(t, p.slaveDisk, p.log, at+40, 1)
	waitUntil(t, func() bool { _, err := get(1); return err == nil })
	if p.slave.Stats().Lost != 1 {
		t.Fatalf("%v", p.slave.Flaws())
	}
	if _, err := f.Truncate(cut); err != nil {
		t.Fatal(err)
	}
	if err := f.AppendRaw(cut, p.log[cut:]); err != nil {
		t.Fatal(err)
	}
	settle(t, p.slave.Store, f)
	if g, err := get(1); err != nil || g.Status != store.Found || g.NextBeginOffset != v.QueueOffset()+1 {
		t.Errorf("the record that was copied anew: %v, go on at %d, %v", g.Status, g.NextBeginOffset, err)
	}
	if n := p.slave.Stats().Flaws; n != 0 {
		t.Errorf("%d parts are damaged still", n)
	}
}

// TestAReadOnlyStoreLeadsAround damages a log where the next start finds it: behind
// the damage consumers get what the index knows.
func TestAReadOnlyStoreLeadsAround(t *testing.T) {
	fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	r := mustStart(t, options(fs, true))
	acks, err := putAll(r.Store, 0, 400, 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	raw := rawLog(t, r.ReadRaw, 0, r.Confirmed())
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	// The end of the log was not what the mark says: all from the checkpoint's segment
	// on is read.
	slices.SortFunc(acks, func(a, b ack) int { return int(a.phy - b.phy) })
	last := acks[len(acks)-1]
	bad := acks[slices.IndexFunc(acks, func(a ack) bool { return a.phy/segment == last.phy/segment })+2]
	spoil(t, fs, raw, bad.phy+100, 3)
	r = mustStart(t, options(fs, true))
	if !r.Stats().ReadOnly {
		t.Fatal("it is not read-only")
	}
	behind := 0
	for _, a := range acks {
		m := message(a.n, 1)
		var g store.Result
		waitUntil(t, func() bool {
			g, err = r.Get(m.Topic, m.QueueID, a.offset, 1, 1<<20, nil)
			return err == nil
		})
		switch {
		case a.n != bad.n && (g.Status != store.Found || g.NextBeginOffset != a.offset+1):
			t.Fatalf("the record at %d: %v, go on at %d, want %d", a.phy, g.Status, g.NextBeginOffset, a.offset+1)
		case a.n == bad.n && g.NextBeginOffset < a.offset+1:
			t.Fatalf("the damaged one at %d: %v, go on at %d", a.phy, g.Status, g.NextBeginOffset)
		case a.phy > bad.phy:
			behind++
		}
	}
	if st := r.Stats(); behind < 5 || st.LostMessages != 1 {
		t.Errorf("%d records behind the damage are served, %d are lost", behind, st.LostMessages)
	}
	if _, err := putAll(r.Store, 500, 1, 1, 1); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("a send says %v", err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestAnyDamageIsPassed damages random bytes of random lengths: a consumer is given
// every message that is whole, and comes to the end.
func TestAnyDamageIsPassed(t *testing.T) {
	total := 0
	for seed := range uint64(25) {
		q := newQueueOfOne(t, t.TempDir(), nil)
		rng := rand.New(rand.NewPCG(seed, 1))
		now := bytes.Clone(q.raw)
		for range 1 + rng.IntN(12) {
			at, n := rng.IntN(len(now)), 1+rng.IntN(1<<rng.IntN(12))
			n = min(n, len(now)-at, segment-at%segment)
			for i := range n {
				now[at+i] = byte(rng.Uint32())
			}
			if err := q.d.Poke(fmt.Sprintf("commitlog/%020d", at/segment*segment), int64(at%segment), now[at:at+n]); err != nil {
				t.Fatal(err)
			}
		}
		var lost []int
		for n, at := range q.phy {
			if !bytes.Equal(now[at:at+q.len[n]], q.raw[at:at+q.len[n]]) {
				lost = append(lost, n)
			}
		}
		if got, _ := q.consume(t, 0, 32, nil); !slices.Equal(got, allBut(lost, everyOne)) {
			t.Errorf("seed %d: a consumer was given %v, all but %v are there", seed, got, lost)
		}
		if n := q.Stats().LostMessages; n != len(lost) {
			t.Errorf("seed %d: %d messages are lost, want %d", seed, n, len(lost))
		}
		total += len(lost)
		if err := q.stop(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d messages were damaged, and passed", total)
	if total == 0 {
		t.Error("nothing was damaged")
	}
}

// TestOffsetByTimeInADamagedQueue searches for every time in queues of which some
// records cannot be read, or are not what was stored: those count as the next sound
// one does.
func TestOffsetByTimeInADamagedQueue(t *testing.T) {
	tests := []struct {
		name  string
		spoil []int // records of which some bits are flipped
		hole  []int // neighbours in the first segment that cannot be read
	}{
		{name: "sound"},
		{name: "the middle", spoil: []int{74, 75, 76}},
		{name: "both ends", spoil: []int{0, 1, lostQueueLen - 1}},
		{name: "one here, one there", spoil: []int{1, 3, 5, 7, 60, 62, 70, 72, 74, 100, 112, 140}},
		{name: "a hole", hole: []int{10, 11, 12}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) { searchAllTimes(t, newQueueOfOneApart(t, dir, time.Second, nil), tt.spoil, tt.hole) })
		})
	}
}

func searchAllTimes(t *testing.T, q *queueOfOne, spoil, hole []int) {
	defer q.stop()
	for _, n := range spoil {
		q.spoil(t, n, 30) // its physical offset
	}
	if h := hole; h != nil {
		q.d.from.Store(q.phy[h[0]])
		q.d.to.Store(q.phy[h[len(h)-1]] + 1)
		q.d.times.Store(forever)
	}
	// The first searches have damage looked at; what cannot be read then is found to be more, by pages.
	for n := range lostQueueLen {
		q.OffsetByTime("T", 0, int64(binary.BigEndian.Uint64(q.raw[q.phy[n]+56:])), false)
	}
	synctest.Wait()
	damaged := func(n int) bool {
		return slices.Contains(spoil, n) || slices.Contains(hole, n) ||
			slices.ContainsFunc(q.Flaws(), func(f store.Flaw) bool { return f.From <= q.phy[n] && q.phy[n] < f.To })
	}
	counts := make([]int64, lostQueueLen) // as which time each counts
	next := int64(math.MaxInt64)
	for n := lostQueueLen - 1; n >= 0; n-- {
		if !damaged(n) {
			next = int64(binary.BigEndian.Uint64(q.raw[q.phy[n]+56:]))
		}
		counts[n] = next
	}
	for _, ts := range append(slices.Clone(counts), counts[0]-1) {
		want, _ := slices.BinarySearch(counts, ts)
		if got, err := q.OffsetByTime("T", 0, ts, false); err != nil || got != int64(want) {
			t.Fatalf("OffsetByTime(%d) = %d, %v; want %d", ts, got, err, want)
		}
	}
}
