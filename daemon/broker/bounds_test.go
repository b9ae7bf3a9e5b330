package broker

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
)

const stranger, neighbour = "192.0.2.66:1", "192.0.2.7:1"

// TestOneAddressLeavesRoom: whatever a stranger does, over however many connections, half
// of what there is is left to others; and what he held is there again when he is gone.
func TestOneAddressLeavesRoom(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) {
		o.MaxHeldPulls, o.MaxPopHeld, o.MaxPopHeldQueue, o.MaxOnline = 8, 8, 100, 20
	}, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		a, b, other := r.clientAt(stranger), r.clientAt("192.0.2.66:2"), r.clientAt(neighbour)
		hold := map[string]func(*client) <-chan *remoting.Command{
			"pull": func(c *client) <-chan *remoting.Command {
				return c.begin(remoting.ReqPullMessage, "", heldPullFields()...)
			},
			"pop": func(c *client) <-chan *remoting.Command {
				return c.begin(remoting.ReqPopMessage, "", popFieldsOf("T", "pollTime", "15000")...)
			},
		}
		full := map[string]int32{"pull": remoting.RespSystemBusy, "pop": remoting.RespPollingFull}
		for what, begin := range hold {
			for i := range 4 {
				if got := begin([]*client{a, b}[i%2]); !pending(got) {
					t.Fatalf("%s %d was answered %v", what, i, <-got)
				}
			}
			a.expect(<-begin(a), full[what], "held")
			if got := begin(other); !pending(got) {
				t.Errorf("another client's %s was answered %v, want it held", what, <-got)
			}
		}
		for i := range 9 {
			c := []*client{a, b}[i%2]
			c.expect(c.call(remoting.ReqHeartBeat, fmt.Sprintf(`{"clientID":"c","producerDataSet":[{"groupName":"P%d"}]}`, i)), 0, "")
		}
		a.expect(a.call(remoting.ReqHeartBeat, heartbeatOf("c", "CG", "CLUSTERING", "T")), remoting.RespSystemBusy, "too many")
		other.expect(other.call(remoting.ReqHeartBeat, heartbeatOf("d", "CG", "CLUSTERING", "T")), 0, "")
		_, _ = a.conn.Close(), b.conn.Close()
		synctest.Wait()
		again := r.clientAt("192.0.2.66:3")
		for what, begin := range hold {
			if got := begin(again); !pending(got) {
				t.Errorf("when the first are gone a %s is answered %v, want it held", what, <-got)
			}
		}
		again.expect(again.call(remoting.ReqHeartBeat, heartbeatOf("c", "CG", "CLUSTERING", "T")), 0, "")
		time.Sleep(time.Minute)
		synctest.Wait()
		if p, q := r.b.polls, r.b.popPolls; p.count+len(p.each.of)+q.count+len(q.each.of) != 0 {
			t.Errorf("when all are answered %d pulls of %d addresses and %d pops of %d are counted", p.count, len(p.each.of), q.count, len(q.each.of))
		}
		_, _ = again.conn.Close(), other.conn.Close()
		synctest.Wait()
		if c := r.b.clients; c.cost+len(c.each.of) != 0 {
			t.Errorf("when all have left their cost is %d, of %d addresses", c.cost, len(c.each.of))
		}
	})
}

// TestBodiesThatUnfold: JSON of three bytes can stand for a struct of two hundred, so that
// what a body has is counted before it is decoded.
func TestBodiesThatUnfold(t *testing.T) {
	many := strings.Repeat("{},", 300_000) + "{}"
	tests := []struct {
		name string
		code int32
		body string
	}{
		{"heartbeat", remoting.ReqHeartBeat, `{"clientID":"c","consumerDataSet":[` + many + `]}`},
		{"subscriptions", remoting.ReqHeartBeat, `{"clientID":"c","consumerDataSet":[{"groupName":"CG","subscriptionDataSet":[` + many + `]}]}`},
		{"locks", remoting.ReqLockBatchMQ, `{"clientId":"c","consumerGroup":"CG","mqSet":[` + many + `]}`},
		{"topics", remoting.ReqUpdateAndCreateTopicList, `{"topicConfigList":[` + many + `]}`},
		{"groups", remoting.ReqUpdateAndCreateSubscriptiongroupList, `{"groupConfigList":[` + many + `]}`},
		{"acknowledgements", remoting.ReqBatchAckMessage, `{"acks":[` + many + `]}`},
		{"arrays", remoting.ReqCheckClientConfig, `{"subscriptionData":{"tagsSet":[` + strings.Repeat(`"",`, 300_000) + `""]}}`},
	}
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.clientAt(stranger)
		for _, tt := range tests {
			c.call(tt.code, tt.body) // buffers for it are there from now on
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			resp := c.call(tt.code, tt.body)
			runtime.ReadMemStats(&after)
			if resp.Code == 0 || !strings.Contains(resp.Remark, "values, at most 32768") {
				t.Errorf("%s: answered %d %.200q", tt.name, resp.Code, resp.Remark)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
				t.Errorf("%s: %d bytes were allocated for a body of %d", tt.name, n, len(tt.body))
			}
		}
		r.b.largeJSON <- struct{}{} // another one is being decoded
		waits := c.begin(remoting.ReqHeartBeat, heartbeatOf("c", "CG", "CLUSTERING", strings.Fields(strings.Repeat("Topic ", 100))...))
		other := r.clientAt(neighbour)
		other.expect(other.call(remoting.ReqHeartBeat, heartbeatOf("d", "CG", "CLUSTERING", "T")), 0, "")
		if !pending(waits) {
			t.Errorf("a body that is not small was decoded beside another: %v", <-waits)
		}
		<-r.b.largeJSON
		c.expect(<-waits, 0, "")
	})
}

// TestWordsOfClients: what a client says of itself is kept for as long as it is there, and
// shown to people: it is short and of characters that can be read.
func TestWordsOfClients(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.clientAt(stranger)
		beat := func(client, field, value string) *remoting.Command {
			return c.call(remoting.ReqHeartBeat, fmt.Sprintf(`{"clientID":%s,"consumerDataSet":[{"groupName":"CG","messageModel":"CLUSTERING","subscriptionDataSet":[],%q:%s}]}`, client, field, value))
		}
		for _, field := range []string{"consumeType", "messageModel", "consumeFromWhere"} {
			c.expect(beat(`"c"`, field, strconv.Quote(long)), 1, field+" has 100000 bytes, at most 64")
			c.expect(beat(`"c"`, field, `"a\u001b[2J"`), 1, `control character at byte 1`)
		}
		c.expect(beat(`"c"`, "subscriptionDataSet", `[{"topic":"T","expressionType":`+strconv.Quote(long)+`}]`), 1, "expressionType has 100000 bytes")
		c.expect(beat(`"c\nlevel=ERROR"`, "consumeType", `""`), 1, `clientID "c\nlevel=ERROR" has a control character at byte 1`)
		r.nobodyOnline()
		cost := func(id string) int {
			c.expect(beat(strconv.Quote(id), "consumeType", `""`), 0, "")
			r.b.clients.mu.RLock()
			defer r.b.clients.mu.RUnlock()
			return r.b.clients.cost
		}
		if short, most := cost("192.0.2.66@1"), cost(strings.Repeat("c", maxClientID)); short != 1 || most != 9 {
			t.Errorf("clients with short and long names count for %d and %d, want 1 and 9", short, most)
		}
	})
}

// TestLocksAreBounded: beyond them a queue is not locked; one that is may be renewed.
func TestLocksAreBounded(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		r.b.locks.most = 5
		c, other := r.clientAt(stranger), r.clientAt(neighbour)
		for i := range 9 {
			want := ""
			if i < 3 || i == 4 {
				want = "0"
			}
			if got := c.locked("G"+strconv.Itoa(i), "c", 0); got != want {
				t.Errorf("group %d gets the queues %q, want %q", i, got, want)
			}
			if got := other.locked("CG", "d", 0, 1)[:1]; got != "0" {
				t.Errorf("after %d locks of others the first client has %q, want its queue", i, got)
			}
			if i == 3 { // room for one more
				other.expect(other.call(remoting.ReqUnlockBatchMQ, lockBodyOf("CG", "d", 1)), 0, "")
			}
		}
		kept := func() (groups, cost int) {
			r.b.locks.mu.Lock()
			defer r.b.locks.mu.Unlock()
			return len(r.b.locks.groups), r.b.locks.cost
		}
		if n, _ := kept(); n != 5 {
			t.Errorf("%d groups are kept, want the 5 that have a lock", n)
		}
		time.Sleep(lockTime + 2*upkeepPeriod)
		synctest.Wait()
		if n, cost := kept(); n != 0 || cost != 0 {
			t.Errorf("locks of %d in %d groups are counted when all are over", cost, n)
		}
		if got := c.locked("G8", strings.Repeat("c", 600), 0, 1); got != "0" { // counts for 5
			t.Errorf("a client with a long name gets the queues %q, want one", got)
		}
	})
}

// TestAFloodIsNotAFloodOfLines: what one client can cause at will says how often it was, not
// a line each time; and a line has no body in it.
func TestAFloodIsNotAFloodOfLines(t *testing.T) {
	bubble(t, func(_ *Options, s *fakeStore) { s.putErr = fmt.Errorf("commitlog: a failure") }, func(t *testing.T, r *rig) {
		c := r.clientAt(stranger)
		r.topic("T", 1)
		for i := range 300 {
			c.call(remoting.ReqUpdateConsumerOffset, "", "consumerGroup", "G"+strconv.Itoa(i), "topic", "T", "queueId", "0", "commitOffset", "0")
			c.call(remoting.ReqUpdateAndCreateSubscriptiongroup, `{"groupName":"Set"}`)
			c.call(remoting.ReqUpdateAndCreateTopic, "", "topic", "Set", "defaultTopic", "TBW102", "readQueueNums", "1", "writeQueueNums", "1", "perm", "6", "topicFilterType", "SINGLE_TAG", "order", "false")
			c.call(remoting.ReqDeleteTopicInBroker, "", "topic", "Set")
			c.call(remoting.ReqSendMessageV2, "the-body-of-a-message", sendFields("T", "i", "SECRET\x01the-property")...)
			c.call(remoting.ReqHeartBeat, heartbeatOf("a-client", "H"+strconv.Itoa(i), "CLUSTERING", "T"))
		}
		r.stop()
		log := r.log.String()
		kinds := map[string]int{}
		for line := range strings.Lines(log) {
			_, msg, _ := strings.Cut(line, "msg=")
			if msg, _, _ = strings.Cut(msg, " topic="); len(msg) > 12 {
				msg = msg[:12]
			}
			kinds[msg]++
		}
		if n := strings.Count(log, "\n"); n < 100 || n > 450 {
			t.Errorf("1800 requests caused %d lines: %v", n, kinds)
		}
		for _, word := range []string{"the-body", "the-property"} {
			if strings.Contains(log, word) {
				t.Errorf("the log has %s of a message", word)
			}
		}
	})
}

// TestManyWhoAskForEverything: answers that have all topics or groups are made only while
// there is room for them, however many ask at once and read nothing.
func TestManyWhoAskForEverything(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		for i := range 2000 {
			r.topic("Topic"+strconv.Itoa(i), 1)
			r.group("Group" + strconv.Itoa(i))
		}
		for _, code := range []int32{remoting.ReqGetAllTopicConfig, remoting.ReqGetAllSubscriptiongroupConfig} {
			frame := remoting.AppendCommand(nil, &remoting.Command{Code: code})
			for range 100 {
				nc := r.ln.connect(stranger)
				defer nc.Close()
				go func() { _, _ = nc.Write(frame) }()
			}
		}
		synctest.Wait()
		const limit = 32 << 20 // remoting's default
		if n := r.srv.Stats().Bytes; n < limit/16 || n > limit/4 {
			t.Errorf("%d bytes are in flight for 200 of one address who ask, want about an eighth of %d", n, limit)
		}
		other := r.clientAt(neighbour)
		other.expect(other.call(remoting.ReqGetAllTopicConfig, ""), 0, "")
		other.expect(other.call(remoting.ReqHeartBeat, heartbeatOf("d", "CG", "CLUSTERING", "T")), 0, "")
	})
}
