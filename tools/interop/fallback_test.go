package interop

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// The messages of TestSendBackFallback: how often each is refused, and the delay level of its
// requests 36, by which the relay knows it. A client that sends to the retry topic itself takes
// levels 3, 4 and so on.
var (
	fallbackRefusals = []int{1, 9, 9}
	fallbackLevels   = []int{1, 2, 3}
)

// alwaysFails is the message of which every request 36 fails; of the others the first one does.
const alwaysFails = 1

const fallbackMost = 2 // retries

// TestSendBackFallback has request 36 name a message that is not there, as if the broker had given
// it back: Java's consumers send theirs to the group's retry topic themselves. Each comes again
// once for it, when its time has come; those that are refused too often are dead letters, one by
// request 36 and one by the client. rocketmq-client-go has no such way: it takes a refusal for
// success.
func TestSendBackFallback(t *testing.T) {
	tg := startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH", "messageDelayLevel": delayLevels})
	seen := &sentBack{by: map[string]*backs{}}
	relayed := startRelay(t, tg.Broker, seen.change)
	tg.Namesrv = startRelay(t, tg.Namesrv, func(c *wire.Command) bool {
		was := c.Body
		c.Body = bytes.ReplaceAll(was, []byte(`"`+tg.Broker+`"`), []byte(`"`+relayed+`"`))
		return !bytes.Equal(was, c.Body)
	})
	w := newWorldOn(t, tg)
	w.warm(t)
	var all []*fallback
	for _, client := range w.clients {
		if client.Java {
			all = append(all, w.fallback(t, client))
		}
	}
	for _, f := range all {
		f.check(t, seen)
	}
}

// A fallback is one client whose requests 36 fail.
type fallback struct {
	*world
	client *agents.Agent
	sub    agents.Subscription
	c      *agents.Consumer
}

// fallback has a client consume messages that it sends.
func (w *world) fallback(t *testing.T, client *agents.Agent) *fallback {
	t.Helper()
	topic := "Fallback_" + dotless(client.Name)
	f := &fallback{world: w, client: client, sub: agents.Subscription{Group: "C_" + topic, Topic: topic, Instance: topic,
		Later: fallbackRefusals, Next: fallbackLevels, Most: fallbackMost}}
	w.topic(t, topic, 1)
	w.topic(t, f.retries(), 1) // clients look for one that is made later after half a minute only
	var err error
	if f.c, err = client.Push(within(t, time.Minute), f.sub); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Delay(within(t, time.Minute), "P_"+topic, topic, 0, len(fallbackRefusals), 0); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fallback) retries() string { return "%RETRY%" + f.sub.Group }
func (f *fallback) dead() string    { return "%DLQ%" + f.sub.Group }

// tries is how often message n comes.
func (f *fallback) tries(n int) int {
	switch {
	case fallbackRefusals[n] <= fallbackMost:
		return 1 + fallbackRefusals[n]
	case n == alwaysFails && f.target.Kind == target.ApacheV4:
		return fallbackMost // 4.x gives up one earlier what is sent to a retry topic
	}
	return 1 + fallbackMost
}

// check waits for all that a client's messages cause, and has it be no more.
func (f *fallback) check(t *testing.T, seen *sentBack) {
	t.Helper()
	deliveries := 0
	for n := range fallbackRefusals {
		deliveries += f.tries(n)
	}
	if err := f.c.Wait(within(t, time.Minute), func(got []verify.Got) bool { return len(got) >= deliveries }); err != nil {
		t.Fatal(err)
	}
	var again, dead []string
	var wantSeen backs
	for n, times := range byIndex(f.c.Got()) {
		f.came(t, n, times)
		key, tries := times[0].Properties["UNIQ_KEY"], f.tries(n)
		for k := 1; k < tries; k++ {
			again = append(again, f.record(n, k, key))
		}
		if fallbackRefusals[n] > fallbackMost {
			dead = append(dead, f.record(n, tries, key))
		}
		wantSeen.asked[n], wantSeen.sent[n] = min(tries, fallbackRefusals[n]), 1
		if n == alwaysFails {
			wantSeen.sent[n] = tries
		}
	}
	retries := f.records(t, f.retries(), len(again))
	firsts := map[string]string{}
	for _, r := range retries {
		if r.ReconsumeTimes == 1 {
			firsts[r.Property("UNIQ_KEY")] = fmt.Sprintf("%016X", r.PhyOffset) // how the broker's id of it ends
		}
	}
	sameRecords(t, f.retries(), retries, firsts, again)
	sameRecords(t, f.dead(), f.records(t, f.dead(), len(dead)), firsts, dead)
	if err := f.c.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	if got := seen.of(f.sub.Group); got != wantSeen {
		t.Errorf("%s: of each message requests 36, and sends to the retry topic, were %+v, want %+v", f.client.Name, got, wantSeen)
	}
	if got := len(f.c.Got()); got != deliveries {
		t.Errorf("%s: %d deliveries, want %d", f.client.Name, got, deliveries)
	}
	f.through(t, f.sub.Topic, int64(len(fallbackRefusals)))
	f.through(t, f.retries(), int64(len(again)))
	t.Logf("%s: %d deliveries, %d of them retries, %d dead letters", f.client.Name, deliveries, len(again), len(dead))
}

// came complains unless message n came as often as it should, each time with its count, and not
// before its time.
func (f *fallback) came(t *testing.T, n int, times []verify.Got) {
	t.Helper()
	if n < 0 || n >= len(fallbackRefusals) || len(times) != f.tries(n) {
		t.Fatalf("%s: message %d came %d times: %+v", f.client.Name, n, len(times), times)
	}
	for k, g := range times {
		if err := sameLater(g, f.sub.Topic); err != nil {
			t.Errorf("%s: %v", f.client.Name, err)
		}
		if int(g.Reconsumed) != k {
			t.Errorf("%s: message %d came for the %d. time with %d reconsume times", f.client.Name, n, k+1, g.Reconsumed)
		}
		if k == 0 {
			continue
		}
		delay := delayOf(3 + k - 1) // the last of them, as request 36 names of message 2
		if took := time.Duration(g.Stored-times[k-1].Micros/1000) * time.Millisecond; took < delay || took > delay+mostLate {
			t.Errorf("%s: message %d came again after %v, want %v", f.client.Name, n, took, delay)
		}
	}
}

// What ORIGIN_MESSAGE_ID says.
const (
	originOwn   = "its own id"
	originNone  = "none"
	originFirst = "that of its first retry"
)

// record is what a topic of the group holds of message n, once it was refused so often. 4.9.7
// puts ORIGIN_MESSAGE_ID into what it sends itself, and then all properties of the message in place
// of it; the broker puts it into what comes by request 36 if it is not there.
func (f *fallback) record(n, refused int, key string) string {
	origin := originOwn
	if f.client.Name == "java-"+peers.V4 {
		origin = originNone
		if n != alwaysFails && refused > 1 {
			origin = originFirst
		}
	}
	return recordLine(strconv.Itoa(n), refused, "later "+strconv.Itoa(n), f.sub.Topic, key, origin)
}

func recordLine(n string, refused int, body, topic, key, origin string) string {
	return fmt.Sprintf("message %s, refused %d times, %q of %s, %s, whose origin is %s", n, refused, body, topic, key, origin)
}

// records waits until a topic of the group has at least so many records, and returns them.
func (f *fallback) records(t *testing.T, topic string, n int) (records []wire.Record) {
	t.Helper()
	ctx := within(t, 30*time.Second)
	eventually(ctx, t, fmt.Sprintf("%d records in %s", n, topic), func() error {
		c, err := f.target.Dial(ctx) // one that idles is closed
		if err != nil {
			return err
		}
		defer c.Close()
		records, err = c.PullAll(ctx, topic, 0, 0)
		if err == nil && len(records) < n {
			err = fmt.Errorf("there are %d", len(records))
		}
		return err
	})
	return records
}

// sameRecords complains unless records are those of these lines. firsts has how the broker's id of
// each message's first retry ends.
func sameRecords(t *testing.T, topic string, records []wire.Record, firsts map[string]string, want []string) {
	t.Helper()
	var got []string
	for i := range records {
		r := &records[i]
		key, origin := r.Property("UNIQ_KEY"), r.Property("ORIGIN_MESSAGE_ID")
		switch first := firsts[key]; {
		case origin == key:
			origin = originOwn
		case origin == "":
			origin = originNone
		case first != "" && strings.HasSuffix(origin, first):
			origin = originFirst
		}
		got = append(got, recordLine(r.Property("n"), int(r.ReconsumeTimes), string(r.Body), r.Property("RETRY_TOPIC"), key, origin))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s holds\n%s\nwant\n%s", topic, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// through waits until the group has committed all of a topic's queue.
func (f *fallback) through(t *testing.T, topic string, want int64) {
	t.Helper()
	ctx := within(t, 30*time.Second)
	eventually(ctx, t, fmt.Sprintf("the offset %d of %s in %s", want, f.sub.Group, topic), func() error {
		got, err := f.committed(ctx, topic)
		if err == nil && got != want {
			err = fmt.Errorf("it is %d", got)
		}
		return err
	})
}

func (f *fallback) committed(ctx context.Context, topic string) (int64, error) {
	c, err := f.target.Dial(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	offset, _, err := c.ConsumerOffset(ctx, f.sub.Group, topic, 0)
	return offset, err
}

// backs is what a group's consumers asked for and sent, by message.
type backs struct {
	asked [3]int // requests 36
	sent  [3]int // to the retry topic
}

// sentBack sees what consumers send back, and has it fail.
type sentBack struct {
	mu sync.Mutex
	by map[string]*backs // by group
}

// change has the requests 36 that are to fail name a message that is not there.
func (s *sentBack) change(c *wire.Command) bool {
	if c.Flag&wire.FlagResponse != 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c.Code {
	case wire.SendBack:
		n := slices.IndexFunc(fallbackLevels, func(level int) bool { return c.ExtFields["delayLevel"] == strconv.Itoa(level) })
		if n < 0 {
			return false
		}
		b := s.group(c.ExtFields["group"])
		b.asked[n]++
		if n != alwaysFails && b.asked[n] > 1 {
			return false
		}
		c.ExtFields["offset"] = strconv.FormatInt(1<<40, 10)
		return true
	case wire.SendMessageV2:
		group, ok := strings.CutPrefix(c.ExtFields["b"], "%RETRY%")
		if !ok {
			return false
		}
		if n, err := strconv.Atoi(strings.TrimPrefix(string(c.Body), "later ")); err == nil && n < len(fallbackLevels) {
			s.group(group).sent[n]++
		}
	}
	return false
}

func (s *sentBack) group(name string) *backs {
	if s.by[name] == nil {
		s.by[name] = &backs{}
	}
	return s.by[name]
}

func (s *sentBack) of(group string) backs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.group(group)
}
