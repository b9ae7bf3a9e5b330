package interop

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// What is filtered is sent in three parts: the last message of each in every queue is for all.
const (
	filteredTopic  = "Filtered"
	filteredQueues = 4
	filteredPart   = 60
)

// often has Java clients look for brokers and beat each second, not each half minute.
var often = []string{"-Dinterop.often=1000", "-Drocketmq.client.rebalance.waitInterval=1000"}

// TestFilteredPair kills the master of consumers that select messages by tags and by SQL92
// expressions. Those that run go on with the slave when that is master; those that were
// stopped before go on where they were.
func TestFilteredPair(t *testing.T) {
	t.Parallel() // it waits more than it works
	dir := workDir(t)
	clients, goAgent := javaClientsIn(t, dir), buildGoAgent(t, dir)
	eachPair(t, "", []string{peers.V4, peers.V5}, nil, func(t *testing.T, master, slave *pair.Maker) { filteredPair(t, clients, goAgent, master, slave) })
}

// A selection is a consumer of some of the messages.
type selection struct {
	sub   agents.Subscription
	agent *agents.Agent
	wants func(i int) bool
	*agents.Consumer
}

// filteredTags are the tags in turn: AaTag and BBTag have one hash.
var filteredTags = []string{"TagA", "TagB", "AaTag", "BBTag"}

func forAll(i int) bool { return i%filteredPart >= filteredPart-filteredQueues }

func filteredPair(t *testing.T, clients map[string]*peers.Peer, goAgent string, master, slave *pair.Maker) {
	p := newPairing(t, clients, master, master, slave, pair.AsyncMaster)
	p.goAgent = goAgent
	p.join(t)
	p.topic(t, filteredTopic, filteredQueues)
	var stay, rest []*selection
	for _, client := range []string{"java-" + peers.V4, "java-" + peers.V5, goClient} {
		agent := p.start(t, client, client, often...)
		for _, s := range []selection{
			{sub: agents.Subscription{Group: "Tags", Expr: "TagA || AaTag"}, wants: func(i int) bool { return i%2 == 0 || forAll(i) }},
			{sub: agents.Subscription{Group: "Texts", Expr: texts, SQL: true}, wants: func(i int) bool { return areTexts(i) || forAll(i) }},
		} {
			s.agent, s.sub.Topic = agent, filteredTopic
			for name, to := range map[string]*[]*selection{"Stay": &stay, "Rest": &rest} {
				one := s
				one.sub.Group += "_" + name + "_" + dotless(client)
				one.begin(t, "-0")
				*to = append(*to, &one)
			}
		}
	}
	send := func(part int) {
		t.Helper()
		p.sendFiltered(t, filteredTopic, part)
	}
	send(0)
	for _, s := range rest {
		s.gets(t, 0, 1)
		p.noted(t, s.sub.Group, filteredTopic, filteredQueues)
		s.end(t)
		if n := len(s.Got()) - len(indexes(s.Got())); n != 0 {
			t.Errorf("%s: %d messages came twice", s.sub.Group, n)
		}
	}
	behind, err := wire.Dial(t.Context(), p.slave.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer behind.Close()
	for _, s := range rest {
		committed(within(t, metadataTime), t, &world{conn: behind}, s.sub.Group, filteredTopic, filteredQueues)
	}
	p.logf(t, "the slave knows how far the groups are that rest")
	send(1)
	before := map[string][]int64{}
	for _, s := range stay {
		s.gets(t, 0, 2)
		if n := len(s.Got()) - len(indexes(s.Got())); n != 0 {
			t.Errorf("%s: %d messages came twice", s.sub.Group, n)
		}
		for q := range int32(filteredQueues) {
			at, _, err := behind.ConsumerOffset(within(t, 20*time.Second), s.sub.Group, filteredTopic, q)
			if err != nil {
				t.Fatal(err)
			}
			before[s.sub.Group] = append(before[s.sub.Group], at)
		}
	}
	p.follows(within(t, time.Minute), t, p.slave)
	p.master.Kill()
	killed := time.Now().UnixMicro()
	p.logf(t, "master killed")
	p.takeOver(t)

	for _, s := range rest {
		s.begin(t, "-1")
	}
	send(2)
	for _, s := range slices.Concat(rest, stay) {
		from := 0
		if before[s.sub.Group] == nil {
			from = 1
		}
		s.gets(t, from, 3)
		s.end(t)
		s.has(t, s.of(from, 3))
		var again int
		for i, times := range byIndex(s.Got()) {
			for _, g := range times[1:] {
				again++
				if from != 0 || g.Micros < killed || g.QueueOffset < before[s.sub.Group][g.QueueID] {
					t.Errorf("%s: message %d came again, at %d in queue %d; the slave knew of %v", s.sub.Group, i, g.QueueOffset, g.QueueID, before[s.sub.Group])
				}
			}
		}
		committed(within(t, 20*time.Second), t, p.world, s.sub.Group, filteredTopic, filteredQueues)
		p.logf(t, "%s: %d deliveries, %d of them again", s.sub.Group, len(s.Got()), again)
	}
}

// sendFiltered sends a part of what is filtered.
func (p *pairing) sendFiltered(t *testing.T, topic string, part int) {
	t.Helper()
	for i := part * filteredPart; i < (part+1)*filteredPart; i++ {
		props := judged(i)
		props["TAGS"] = filteredTags[i%len(filteredTags)]
		if forAll(i) {
			props["TAGS"], props["region"], props["half"] = "TagA", "US", "yes"
		}
		m := wire.Message{Topic: topic, QueueID: int32((i + i/filteredQueues) % filteredQueues), Body: []byte("filtered"), Properties: props}
		if _, err := p.conn.Send(within(t, 10*time.Second), m); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *selection) begin(t *testing.T, life string) {
	t.Helper()
	s.sub.Instance = s.sub.Group + life
	c, err := s.agent.Push(within(t, time.Minute), s.sub)
	if err != nil {
		t.Fatal(err)
	}
	s.Consumer = c
}

func (s *selection) end(t *testing.T) {
	t.Helper()
	if err := s.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
}

// gets waits for all that the consumer wants of parts from..to-1, and fails if there is more.
func (s *selection) gets(t *testing.T, from, to int) {
	t.Helper()
	want := s.of(from, to)
	waited := s.Wait(within(t, 90*time.Second), func(got []verify.Got) bool { return len(indexes(got)) >= len(want) })
	s.has(t, want)
	if waited != nil {
		t.Fatal(waited)
	}
}

// of is what the consumer wants of parts from..to-1.
func (s *selection) of(from, to int) (want []int) {
	for i := from * filteredPart; i < to*filteredPart; i++ {
		if s.wants(i) {
			want = append(want, i)
		}
	}
	return want
}

func (s *selection) has(t *testing.T, want []int) {
	t.Helper()
	if got := slices.Sorted(maps.Keys(indexes(s.Got()))); !slices.Equal(got, want) {
		t.Fatalf("%s got %v, want %v", s.sub.Group, got, want)
	}
}
