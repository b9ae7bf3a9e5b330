package interop

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// The environment of TestOrderedChurn.
const (
	churnEventsEnv = "CHURN_EVENTS" // how often a consumer joins, leaves or crashes; 50
	churnSeedEnv   = "CHURN_SEED"   // repeats the plan of a run, not its timing
)

const (
	churnTopic   = "Churn"
	churnLoose   = "C_ChurnLoose" // the group of concurrent consumers
	churnQueues  = 16
	churnFewest  = 3                     // consumers at a time
	churnMost    = 6                     // likewise
	churnPace    = 10 * time.Millisecond // between two messages
	churnWork    = 5                     // ms that a listener takes, in which another one would be noticed
	churnGoingOn = 60                    // deliveries between two events
	churnLate    = 5 * time.Second       // how long after somebody came or went others may go on with their queues
)

// What happens to a consumer.
const (
	churnJoins   = "joins"
	churnLeaves  = "leaves"
	churnRestart = "crashes and comes back" // under its name, so that it has its locks
	churnCrashes = "crashes"                // its queues are locked for a minute
)

// A churnEvent is one of a plan: what happens to which of those that are there,
// or who joins.
type churnEvent struct {
	what   string
	who    int    // of those that are there, in the order they came
	client string // of one that joins
}

// churnPlan makes n events up. None crashes for good in the second half: nobody
// has to wait for its locks at the end.
func churnPlan(seed uint64, n int) (plan []churnEvent) {
	r := rand.New(rand.NewPCG(seed, 0))
	live := churnFewest
	for i := range n {
		e := churnEvent{who: r.IntN(live), client: churnClient(r.IntN(2))}
		switch at := r.IntN(10); {
		case live == churnFewest || live < churnMost && at < 3:
			e.what = churnJoins
			live++
		case at < 5:
			e.what = churnLeaves
			live--
		case at < 8 || i >= n/2:
			e.what = churnRestart
		default:
			e.what = churnCrashes
			live--
		}
		plan = append(plan, e)
	}
	return plan
}

func churnClient(i int) string { return "java-" + []string{peers.V4, peers.V5}[i%2] }

// A member is one life of an ordered consumer, and of a concurrent one of another group, which
// have their process to themselves.
type member struct {
	*agents.Consumer
	*verify.Life
	loose  *agents.Consumer
	agent  *agents.Agent
	client string
}

// A churn is a group of ordered consumers that come and go, and one of concurrent consumers
// that do so with them.
type churn struct {
	*world
	live    []*member
	all     []*member
	marks   []verify.Mark              // of the concurrent group, just before each event
	idle    map[string][]*agents.Agent // by client: processes without a consumer
	started int                        // processes
	count   map[string]int             // of events
}

// TestOrderedChurn has Java's ordered consumers join, leave and crash under load, and
// concurrent ones with them: every queue is seen in its order by the former, and what comes
// again to either has a cause.
func TestOrderedChurn(t *testing.T) {
	seed := number(t, churnSeedEnv, uint64(time.Now().UnixNano()))
	t.Logf("%s=%d", churnSeedEnv, seed)
	w := &world{target: startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"})}
	w.dir, w.conn = w.target.Dir, dial(t, w.target)
	w.peers = javaClientsIn(t, w.dir)
	w.topic(t, churnTopic, churnQueues)
	c := &churn{world: w, idle: map[string][]*agents.Agent{}, count: map[string]int{}}
	for i := range churnFewest { // not all JVMs at a time: a client waits 3 s for a name server
		c.join(t, churnClient(i), fmt.Sprintf("churn-%d", i))
	}
	c.mark(t)()
	load := c.load(t)
	begin := time.Now()
	for i, e := range churnPlan(seed, int(number(t, churnEventsEnv, 50))) {
		c.goOn(t)
		c.event(t, i, e)
	}
	c.goOn(t)
	events := time.Since(begin)
	sent, err := load()
	if err != nil {
		t.Fatal(err)
	}
	eventually(within(t, 3*time.Minute), t, "all messages", func() error {
		if n, loose := len(indexes(c.got())), len(indexes(c.gotLoosely())); n < len(sent) || loose < len(sent) {
			return fmt.Errorf("%d of %d came, and %d to the concurrent consumers", n, len(sent), loose)
		}
		return nil
	})
	rest := time.Since(begin) - events
	for len(c.live) > 0 {
		gone := c.mark(t)
		c.leave(t, 0)
		gone()
	}
	committed(within(t, 20*time.Second), t, c.world, churnLoose, churnTopic, churnQueues)
	c.judge(t, sent)
	c.judgeLoosely(t, sent)
	t.Logf("%v in %v, the last messages came %v later", c.count, events.Round(time.Second/10), rest.Round(time.Second/10))
}

// load sends until the function that it returns is called, which returns the
// account of what was sent.
func (c *churn) load(t *testing.T) (end func() ([]verify.Sent, error)) {
	t.Helper()
	conn := dial(t, c.target)
	var sent []verify.Sent
	enough, done := make(chan struct{}), make(chan error, 1)
	go func() {
		pace := time.NewTicker(churnPace)
		defer pace.Stop()
		for i := 0; ; i++ {
			select {
			case <-enough:
				done <- nil
				return
			case <-pace.C:
			}
			m := wire.Message{Topic: churnTopic, QueueID: int32(i % churnQueues), Body: fmt.Appendf(nil, "body %d", i), Properties: map[string]string{"n": fmt.Sprint(i)}}
			r, err := conn.Send(t.Context(), m)
			if err != nil {
				done <- fmt.Errorf("send %d: %w", i, err)
				return
			}
			sent = append(sent, verify.Sent{Index: i, Status: "SEND_OK", QueueID: r.QueueID, QueueOffset: r.QueueOffset, MsgID: r.MsgID})
		}
	}()
	stop := sync.OnceFunc(func() { close(enough) })
	t.Cleanup(stop)
	return func() ([]verify.Sent, error) {
		stop()
		err := <-done
		return sent, err
	}
}

// goOn waits until the group has got some more.
func (c *churn) goOn(t *testing.T) {
	t.Helper()
	before := c.delivered()
	eventually(within(t, 2*time.Minute), t, "the group goes on", func() error {
		if n := c.delivered() - before; n < churnGoingOn {
			return fmt.Errorf("%d came", n)
		}
		return nil
	})
}

func (c *churn) event(t *testing.T, i int, e churnEvent) {
	t.Helper()
	c.count[e.what]++
	m := c.live[e.who]
	who, client := m.Client, m.client
	if e.what == churnJoins {
		who, client = fmt.Sprintf("churn-%d", churnFewest+i), e.client
	}
	t.Logf("event %d: %s of %s %s; %d are there, after %d deliveries", i, who, client, e.what, len(c.live), c.delivered())
	defer c.mark(t)()
	switch e.what {
	case churnJoins:
		c.join(t, client, who)
	case churnLeaves:
		c.leave(t, e.who)
	case churnRestart:
		c.crash(t, e.who)
		c.join(t, client, who)
	case churnCrashes:
		c.crash(t, e.who)
	}
}

// spare starts a process for a consumer to come.
func (c *churn) spare(t *testing.T, client string) {
	t.Helper()
	c.started++
	c.idle[client] = append(c.idle[client], c.start(t, client, fmt.Sprintf("%s-%d", client, c.started)))
}

// join starts a consumer under a name that the broker knows it by.
func (c *churn) join(t *testing.T, client, name string) {
	t.Helper()
	if len(c.idle[client]) == 0 {
		c.spare(t, client)
	}
	m := &member{Life: &verify.Life{Client: name, Began: time.Now().UnixMicro()}, agent: c.idle[client][0], client: client}
	c.idle[client] = c.idle[client][1:]
	var err error
	m.Consumer, err = m.agent.Push(within(t, 2*time.Minute), agents.Subscription{
		Group: "C_Churn", Topic: churnTopic, Ordered: true, Instance: name, Work: churnWork})
	if err != nil {
		t.Fatal(err)
	}
	m.loose, err = m.agent.Push(within(t, 2*time.Minute), agents.Subscription{Group: churnLoose, Topic: churnTopic, Instance: name + "-loose", Work: churnWork})
	if err != nil {
		t.Fatal(err)
	}
	m.Started = time.Now().UnixMicro()
	c.live, c.all = append(c.live, m), append(c.all, m)
}

// leave shuts one of those down that are there; its process is kept.
func (c *churn) leave(t *testing.T, who int) {
	t.Helper()
	m := c.live[who]
	m.Ended = time.Now().UnixMicro()
	if err := errors.Join(m.Stop(within(t, time.Minute)), m.loose.Stop(within(t, time.Minute))); err != nil {
		t.Error(err)
	}
	m.Gone = time.Now().UnixMicro()
	c.live, c.idle[m.client] = slices.Delete(c.live, who, who+1), append(c.idle[m.client], m.agent)
}

// crash kills one of those that are there, and has another process get ready.
func (c *churn) crash(t *testing.T, who int) {
	t.Helper()
	m := c.live[who]
	m.Ended, m.Crashed = time.Now().UnixMicro(), true
	m.agent.Kill()
	m.Gone = time.Now().UnixMicro()
	c.live = slices.Delete(c.live, who, who+1)
	c.spare(t, m.client)
}

func (c *churn) delivered() (n int) {
	for _, m := range c.all {
		n += m.Delivered()
	}
	return n
}

func (c *churn) got() (all []verify.Got) {
	for _, m := range c.all {
		all = append(all, m.Consumer.Got()...)
	}
	return all
}

// gotLoosely is what came to the concurrent consumers.
func (c *churn) gotLoosely() (all []verify.Got) {
	for _, m := range c.all {
		all = append(all, m.loose.Got()...)
	}
	return all
}

// judgeLoosely checks contents and what came again to the concurrent consumers.
func (c *churn) judgeLoosely(t *testing.T, sent []verify.Sent) {
	t.Helper()
	if err := verify.Deliveries(wantSmall(len(sent)), sent, c.gotLoosely()).Err(); err != nil {
		t.Error(err)
	}
	var lives []*verify.Life
	for _, m := range c.all {
		lives = append(lives, &verify.Life{Client: m.Client, Got: m.loose.Got()})
	}
	again, err := verify.Repeats(lives, c.marks, churnLate)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d deliveries to concurrent consumers, %d of them again", len(c.gotLoosely()), again)
}

// mark notes that somebody comes or goes, until the function that it returns is called.
func (c *churn) mark(t *testing.T) (end func()) {
	t.Helper()
	c.marks = append(c.marks, markOf(t, c.world, churnLoose, churnTopic, churnQueues))
	return func() { c.marks[len(c.marks)-1].Until = time.Now().UnixMicro() }
}

// markOf asks how far a group is; what the mark is of begins now.
func markOf(t *testing.T, w *world, group, topic string, queues int) verify.Mark {
	t.Helper()
	m := verify.Mark{From: time.Now().UnixMicro()}
	for q := range int32(queues) {
		at, _, err := w.conn.ConsumerOffset(within(t, 20*time.Second), group, topic, q)
		if err != nil {
			t.Fatal(err)
		}
		m.Committed = append(m.Committed, at)
	}
	return m
}

// judge checks contents, order, and what came again.
func (c *churn) judge(t *testing.T, sent []verify.Sent) {
	t.Helper()
	if err := verify.Deliveries(wantSmall(len(sent)), sent, c.got()).Err(); err != nil {
		t.Error(err)
	}
	var lives []*verify.Life
	had := map[string]int{} // lives that got something, by client
	for _, m := range c.all {
		m.Life.Got = m.Consumer.Got()
		if lives = append(lives, m.Life); len(m.Life.Got) > 0 {
			had[m.client]++
		}
	}
	r, err := verify.Churn(lives)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d messages, %d deliveries to %d lives of consumers, of which got some: %v; queues changed hands %d times; came again: %v",
		len(sent), r.Deliveries, len(lives), had, r.HandOvers, r.Again)
	for i := range 2 {
		if had[churnClient(i)] < 2 {
			t.Errorf("%d consumers of %s got something: there was no churn", had[churnClient(i)], churnClient(i))
		}
	}
}

// TestChurnPlan checks that a seed repeats its plan, and that any can be done.
func TestChurnPlan(t *testing.T) {
	for seed := range uint64(200) {
		const events = 50
		plan, live, count := churnPlan(seed, events), churnFewest, map[string]int{}
		if !slices.Equal(plan, churnPlan(seed, events)) {
			t.Errorf("seed %d has two plans", seed)
		}
		for i, e := range plan {
			if e.who >= live {
				t.Errorf("seed %d: event %d is for number %d of %d", seed, i, e.who, live)
			}
			switch count[e.what]++; e.what {
			case churnJoins:
				live++
			case churnLeaves, churnCrashes:
				live--
			}
			if live < churnFewest || live > churnMost || e.what == churnCrashes && i >= events/2 {
				t.Errorf("seed %d: one %s at event %d, and %d are there", seed, e.what, i, live)
			}
		}
		if len(plan) != events || count[churnJoins] < 5 || count[churnLeaves] == 0 || count[churnRestart] == 0 {
			t.Errorf("seed %d: %v", seed, count)
		}
	}
}
