package interop

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/logscan"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
)

// The environment of the crash tests.
const (
	roundsEnv = "CRASH_ROUNDS" // kills in each test; 20
	seedEnv   = "CRASH_SEED"   // repeats the random choices of a run, not its timing
)

// A crash is a broker under load that is killed again and again.
type crash struct {
	*load
	rand     *rand.Rand
	target   *target.Target
	consumer *agents.Consumer
}

func number(t *testing.T, env string, def uint64) uint64 {
	t.Helper()
	text := os.Getenv(env)
	if text == "" {
		return def
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return n
}

func newCrash(t *testing.T) *crash {
	t.Helper()
	if kind, err := target.Kind(); err != nil {
		t.Fatal(err)
	} else if kind != target.Pairmq {
		t.Skip("how a broker recovers is its own affair: this is about pairmq's")
	}
	seed := number(t, seedEnv, uint64(time.Now().UnixNano()))
	t.Logf("%s=%d", seedEnv, seed)
	tg := startTarget(t, map[string]string{"flushDiskType": "SYNC_FLUSH", "mappedFileSizeCommitLog": strconv.Itoa(8 << 20)})
	c := &crash{target: tg, rand: rand.New(rand.NewPCG(seed, 0)), load: newLoad(t, tg, "Crash")}
	c.create(t)
	return c
}

// consume starts a consumer that goes on over all crashes.
func (c *crash) consume(t *testing.T) {
	t.Helper()
	w := &world{target: c.target, dir: c.target.Dir}
	w.goAgent = buildGoAgent(t, w.dir)
	var err error
	c.consumer, err = w.start(t, goClient, goClient).Push(within(t, time.Minute), agents.Subscription{Group: "CrashGroup", Topic: c.topic, Instance: "crash"})
	if err != nil {
		t.Fatal(err)
	}
}

// rounds kills the broker under load, has damage do something to its store,
// starts it again and checks what is there; then all of it once more.
func (c *crash) rounds(t *testing.T, damage func(round int)) {
	t.Helper()
	for round := range int(number(t, roundsEnv, 20)) {
		before := len(c.acks())
		c.run(t, time.Duration(100+c.rand.IntN(500))*time.Millisecond, c.target.Kill)
		damage(round)
		begin := time.Now()
		if err := c.target.Restart(t.Context()); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		ready := time.Since(begin)
		c.indexed(t)
		stores := time.Since(begin)
		if err := c.check(t); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		t.Logf("round %d: %d acknowledged, ready again after %v, all indexed after %v", round, len(c.acks())-before, ready.Round(time.Millisecond), stores.Round(time.Millisecond))
	}
	c.checked = [loadQueues]int64{}
	if err := c.check(t); err != nil {
		t.Fatalf("all rounds: %v", err)
	}
	if c.consumer != nil {
		c.checkConsumer(t)
	}
	if err := c.target.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := c.checkLog(logDir(c.target)); err != nil {
		t.Error(err)
	}
	if err := c.target.Restart(t.Context()); err != nil {
		t.Error(err)
	}
}

// indexed waits until the broker has indexed its log. Until then a queue ends, for
// consumers, where its index does.
func (c *crash) indexed(t *testing.T) {
	t.Helper()
	ctx := within(t, time.Minute)
	eventually(ctx, t, "the log is indexed", func() error {
		info, err := runtimeInfo(ctx, c.target.Broker)
		if err == nil && info["indexing"] != "" {
			err = errors.New(info["indexing"] + " of it so far")
		}
		return err
	})
}

func logDir(tg *target.Target) string { return filepath.Join(tg.Store(), "commitlog") }

// checkConsumer waits until the consumer has all that was acknowledged, and
// checks that it got nothing but what is in the log.
func (c *crash) checkConsumer(t *testing.T) {
	t.Helper()
	acks := c.acks()
	have := func(got []verify.Got) bool {
		if len(got) < len(acks) {
			return false
		}
		seen := indexes(got)
		for id := range acks {
			if !seen[id] {
				return false
			}
		}
		return true
	}
	if err := c.consumer.Wait(within(t, 90*time.Second), have); err != nil {
		t.Error(err)
	}
	if err := c.consumer.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	for _, g := range c.consumer.Got() {
		if at, ok := c.stored[g.Index]; !ok || at != (spot{g.QueueID, g.QueueOffset}) {
			t.Errorf("the consumer got message %d at %d/%d, which is stored at %v (%v)", g.Index, g.QueueID, g.QueueOffset, at, ok)
		}
	}
	t.Logf("%d messages stored, %d deliveries", len(c.stored), len(c.consumer.Got()))
}

// TestCrashKill loses nothing that was acknowledged under SYNC_FLUSH, and its
// consumer goes on.
func TestCrashKill(t *testing.T) {
	c := newCrash(t)
	c.consume(t)
	c.rounds(t, func(int) {})
}

// TestCrashIndexDeleted has the index made anew from the log.
func TestCrashIndexDeleted(t *testing.T) {
	c := newCrash(t)
	c.rounds(t, func(int) {
		if err := os.Remove(filepath.Join(c.target.Store(), "meta.db")); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCrashTornTail leaves behind the log what a power cut may leave there.
func TestCrashTornTail(t *testing.T) {
	c := newCrash(t)
	c.rounds(t, func(round int) {
		log, err := logscan.Read(logDir(c.target))
		if err != nil {
			t.Fatal(err)
		}
		junk := c.junk(log, round)
		if n, err := log.WriteAt(junk, log.End); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			t.Logf("round %d: the log ends with a segment, there is no room for a tail", round)
		}
	})
}

// junk is something that is no record: noise, a record cut short, or a whole
// record of another place.
func (c *crash) junk(log logscan.Log, round int) []byte {
	noise := make([]byte, 1+c.rand.IntN(4096))
	for i := range noise {
		noise[i] = byte(c.rand.Uint32())
	}
	if round%3 == 0 || len(log.Records) == 0 {
		return noise
	}
	r := log.Records[c.rand.IntN(len(log.Records))]
	b := make([]byte, r.Size)
	for _, s := range log.Segments {
		if r.PhyOffset < s.First || r.PhyOffset >= s.First+s.Size {
			continue
		}
		file, err := os.ReadFile(s.Path)
		if err != nil {
			return noise
		}
		copy(b, file[r.PhyOffset-s.First:])
	}
	if round%3 == 1 { // a batch whose first sector alone arrived
		return append(b[:1+c.rand.IntN(r.Size-1)], make([]byte, 512)...)
	}
	return b
}
