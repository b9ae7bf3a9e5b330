package interop

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// viewMessage is the request for a message at a place in the log.
const viewMessage = 33

const (
	looksTopic  = "Looks"
	looksQueues = 4
	looksEach   = 12 // messages of each client, with the same keys
)

// queriesPair looks for messages of each client by id, by key and by unique key, and for
// offsets by time.
type queriesPair struct {
	*failover
	asked []agents.Asked
	want  map[agents.Asked][]string          // how each of the messages begins that are the answer, or the offset
	found map[string]map[agents.Asked]string // by client, at the master that dies
}

func (q *queriesPair) before(t *testing.T) {
	q.topic(t, looksTopic, looksQueues)
	q.send(t, 0)
	q.found = map[string]map[agents.Asked]string{}
	for _, client := range q.java() {
		q.found[client.Name] = q.look(t, client)
		for _, a := range q.asked {
			q.right(t, client.Name, a, q.found[client.Name][a])
		}
	}
}

// send has each client send messages from one on, and notes what is to be found then. Of
// times those count that one message of a queue alone has.
func (q *queriesPair) send(t *testing.T, from int) {
	t.Helper()
	q.asked, q.want = nil, map[agents.Asked][]string{}
	want := func(how, what, answer string) {
		a := agents.Asked{How: how, What: what}
		if _, again := q.want[a]; !again {
			q.asked = append(q.asked, a)
		}
		q.want[a] = append(q.want[a], answer)
	}
	for _, client := range q.clients {
		sent, err := client.Delay(within(t, time.Minute), "P_Looks", looksTopic, from, from+looksEach, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sent {
			begins := fmt.Sprintf("message %d at %d/%d,", s.Index, s.QueueID, s.QueueOffset)
			want(agents.ByID, s.OffsetMsgID, begins)
			want(agents.ByUniqueKey, s.MsgID, begins)
			want(agents.ByKey, fmt.Sprintf("later-%d", s.Index), begins)
		}
	}
	for queue := range int32(looksQueues) {
		records, err := q.conn.PullAll(within(t, time.Minute), looksTopic, queue, 0)
		if err != nil {
			t.Fatal(err)
		}
		at := map[int64][]wire.Record{}
		for _, r := range records {
			at[r.StoreTimestamp] = append(at[r.StoreTimestamp], r)
		}
		for stamp, all := range at {
			if len(all) == 1 {
				want(agents.ByTime, fmt.Sprintf("%d/%d", queue, stamp), strconv.FormatInt(all[0].QueueOffset, 10))
			}
		}
	}
	n := map[string]int{}
	for a := range q.want {
		n[a.How]++
	}
	q.logf(t, "to be looked for: %v", n)
	if n[agents.ByID] != looksEach*len(q.clients) || n[agents.ByTime] == 0 {
		t.Fatalf("to be looked for: %v", n)
	}
}

func (q *queriesPair) look(t *testing.T, client *agents.Agent) map[agents.Asked]string {
	t.Helper()
	found, err := client.Look(within(t, 3*time.Minute), looksTopic, target.BrokerName, q.asked)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// right complains about an answer that is not that of what was sent.
func (q *queriesPair) right(t *testing.T, who string, a agents.Asked, answer string) {
	t.Helper()
	lines := strings.Split(answer, "\n")
	ok := len(lines) == len(q.want[a])
	for _, want := range q.want[a] {
		ok = ok && slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, want) && (a.How != agents.ByTime || l == want) })
	}
	if !ok {
		t.Errorf("%s looks for %v: %s\nwant %q", who, a, answer, q.want[a])
	}
}

// same complains unless a client is answered as it was before in these ways, and its
// other looks fail.
func (q *queriesPair) same(t *testing.T, client *agents.Agent, hows ...string) {
	t.Helper()
	found, before := q.look(t, client), q.found[client.Name]
	n := map[string]int{}
	for _, a := range q.asked {
		switch answer := found[a]; {
		case slices.Contains(hows, a.How) && answer != before[a]:
			t.Errorf("%s looks for %v: %s\nbefore: %s", client.Name, a, answer, before[a])
		case !slices.Contains(hows, a.How) && !strings.HasPrefix(answer, "failed: "):
			t.Errorf("%s looks for %v, whose broker is away: %s", client.Name, a, answer)
		default:
			n[a.How]++
		}
	}
	q.logf(t, "%s: of %v the answers %v are as before", client.Name, n, hows)
}

// served asks a broker for every id's place in the log, and for the times.
func (q *queriesPair) served(t *testing.T, addr string) {
	t.Helper()
	ctx := within(t, time.Minute)
	c, err := wire.Dial(ctx, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, a := range q.asked {
		var got string
		switch a.How {
		case agents.ByID:
			id, err := hex.DecodeString(a.What)
			if err != nil || len(id) != 16 {
				t.Fatalf("id %q: %v", a.What, err)
			}
			resp, err := c.Do(ctx, wire.NewCommand(viewMessage, "offset", binary.BigEndian.Uint64(id[8:]), "topic", looksTopic))
			if err != nil {
				t.Errorf("%v: %v", a, err)
				continue
			}
			r, err := wire.DecodeRecord(resp.Body)
			if err != nil {
				t.Errorf("%v: %v", a, err)
				continue
			}
			got = fmt.Sprintf("message %s at %d/%d,", r.Property("n"), r.QueueID, r.QueueOffset)
		case agents.ByTime:
			queue, stamp, _ := strings.Cut(a.What, "/")
			resp, err := c.Do(ctx, wire.NewCommand(wire.SearchOffset, "topic", looksTopic, "queueId", queue, "timestamp", stamp))
			if err != nil {
				t.Errorf("%v: %v", a, err)
				continue
			}
			got = resp.ExtFields["offset"]
		default:
			continue
		}
		if got != q.want[a][0] {
			t.Errorf("%s is asked for %v: %s, want %s", addr, a, got, q.want[a][0])
		}
	}
}

// down has the clients look by key: RocketMQ's ask a slave if there is no master. Ids name
// the master, and offsets by time are a master's to say, so those looks fail, with any
// broker; asked itself the slave knows both.
func (q *queriesPair) down(t *testing.T) {
	for _, client := range q.java() {
		q.same(t, client, agents.ByKey, agents.ByUniqueKey)
	}
	q.served(t, q.slave.Addr)
}

// after looks at the new master, which is asked for no id that names the old one, and then
// for what was sent to it.
func (q *queriesPair) after(t *testing.T) {
	for _, client := range q.java() {
		q.same(t, client, agents.ByKey, agents.ByUniqueKey, agents.ByTime)
	}
	q.served(t, q.master.Addr)
	asked, want := slices.Clone(q.asked), maps.Clone(q.want)
	q.send(t, looksEach)
	for _, client := range q.java() {
		found := q.look(t, client)
		for _, a := range q.asked {
			q.right(t, client.Name, a, found[a])
		}
	}
	q.asked, q.want = asked, want
}

// back finds the old master's messages by their ids again, as it is there, as a slave.
func (q *queriesPair) back(t *testing.T) {
	q.served(t, q.slave.Addr)
	for _, client := range q.java() {
		q.same(t, client, agents.ByID, agents.ByKey, agents.ByUniqueKey, agents.ByTime)
	}
}
