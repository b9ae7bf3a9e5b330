package interop

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
)

const (
	operatedTopic  = "Operated"
	operatedQueues = 4
	producedTopic  = "OperatedProducers"
	operatedEach   = 20 // messages sent before the failover, and once more after it
)

// operatorPair has mqadmin of each version ask all that an operator asks of topics, groups,
// clients and brokers, with consumers and producers that go on: those of its version, and those
// in Go.
type operatorPair struct {
	*failover
	sent      []verify.Sent
	consumers map[string]*agents.Consumer // by the client's name
	producers map[string]*agents.Requester
}

func (o *operatorPair) before(t *testing.T) {
	o.topic(t, operatedTopic, operatedQueues)
	o.topic(t, producedTopic, 1)
	o.consumers, o.producers = map[string]*agents.Consumer{}, map[string]*agents.Requester{}
	for _, client := range o.clients {
		c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: o.group(client), Topic: operatedTopic, Instance: o.group(client)})
		if err != nil {
			t.Fatal(err)
		}
		o.consumers[client.Name] = c
		p, err := client.Requester(within(t, time.Minute), "P_"+o.group(client), producedTopic)
		if err != nil {
			t.Fatal(err)
		}
		o.producers[client.Name] = p
	}
	o.showProducers(t)
	o.look(t, func(x *mqadminOf) {
		x.shows("brokerStatus -b "+o.slave.Addr, `(?m)^brokerVersionDesc\s*:\s*V`, `(?m)^commitLogMaxOffset\s*:\s*\d`)
		o.showsPair(x)
	})
}

// back asks the two again how the one copies the other, when the old master has come back as slave.
func (o *operatorPair) back(t *testing.T) {
	x := &mqadminOf{ctx: within(t, 2*time.Minute), version: peers.V5, shell: o.shells[peers.V5]}
	if o.showsPair(x); x.err != nil {
		t.Error(x.err)
	}
}

// showsPair asks master and slave what each knows of the other; 5.x alone has a command for it.
func (o *operatorPair) showsPair(x *mqadminOf) {
	if x.version != peers.V5 {
		return
	}
	if o.master.Kind != target.ApacheV4 {
		x.shows("haStatus -b "+o.master.Addr, `(?m)^#MasterAddr\s+`+regexp.QuoteMeta(o.master.Addr)+`$`, `(?m)^#MasterCommitLogMaxOffset\s+[1-9]\d*$`, `(?m)^#SlaveNum\s+1$`,
			`(?m)^127\.0\.0\.1:\d+\s+[1-9]\d*\s+0\s.*\sOK\s`)
	}
	if o.slave.Kind != target.ApacheV4 {
		flushed := `\d+` // of which Apache's knows nothing
		if o.slave.Kind == target.Pairmq {
			flushed = `[1-9]\d*`
		}
		x.shows("haStatus -b "+o.slave.Addr, `(?m)^#MasterAddr\s+`+regexp.QuoteMeta(o.master.HAAddr())+`$`, `(?m)^#CommitLogMaxOffset\s+[1-9]\d*$`,
			`(?m)^#LastReadTime\s+\d{4}-`, `(?m)^#MasterFlushOffset\s+`+flushed+`$`)
	}
}

// showProducers has each producer ask what nobody replies to: it shows itself to brokers that it
// has sent to.
func (o *operatorPair) showProducers(t *testing.T) {
	t.Helper()
	ctx, sent := within(t, time.Minute), make(chan error)
	for _, p := range o.producers {
		go func() {
			err := p.Ask(ctx, 0, 2*time.Second, false)
			for err != nil && !strings.Contains(err.Error(), gaveUp) && ctx.Err() == nil { // it may not have got as far as to send it
				err = p.Ask(ctx, 0, 2*time.Second, false)
			}
			sent <- err
		}()
	}
	for range o.producers {
		if err := <-sent; err == nil || !strings.Contains(err.Error(), gaveUp) {
			t.Fatalf("a request that nobody replies to: %v", err)
		}
	}
}

// after asks the new master the same, who has consumers and producers come to it.
func (o *operatorPair) after(t *testing.T) {
	o.look(t, func(*mqadminOf) {})
	for name, c := range o.consumers {
		if err := errors.Join(c.Stop(within(t, time.Minute)), o.producers[name].Stop(within(t, time.Minute))); err != nil {
			t.Error(err)
		}
	}
}

func (o *operatorPair) group(client *agents.Agent) string { return "O_" + dotless(client.Name) }

// look sends messages, waits until they are consumed, and has each version ask everything, and
// more; at once, since that of 5.4.0 takes 3 s to end, again and again.
func (o *operatorPair) look(t *testing.T, more func(*mqadminOf)) {
	t.Helper()
	o.sent = append(o.sent, o.send(t, operatedTopic, len(o.sent), operatedEach, operatedQueues)...)
	for _, client := range o.clients {
		if err := o.consumers[client.Name].Wait(within(t, time.Minute), distinct(len(o.sent))); err != nil {
			t.Fatalf("%s: %v", client.Name, err)
		}
	}
	done := make(chan error)
	for version, shell := range o.shells {
		x := &mqadminOf{ctx: within(t, 2*time.Minute), version: version, shell: shell}
		go func() {
			o.asks(x)
			more(x)
			done <- x.err
		}()
	}
	for range o.shells {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if o.master.Kind == target.Pairmq {
		o.asksGo(t)
	}
}

// asks is all that is asked of the master.
func (o *operatorPair) asks(x *mqadminOf) {
	var rows, consumed []string
	for q := range operatedQueues {
		ends := len(o.sent) / operatedQueues
		rows = append(rows, fmt.Sprintf(`(?m)^%s\s+%d\s+0\s+%d\s`, target.BrokerName, q, ends))
		consumed = append(consumed, fmt.Sprintf(`(?m)^%s\s+%s\s+%d\s+%d\s+%d\s.*\s0\s`, operatedTopic, target.BrokerName, q, ends, ends))
	}
	x.shows("clusterList", target.Cluster+`\s+`+target.BrokerName+`\s+0\s+`+regexp.QuoteMeta(o.master.Addr)+`\s`)
	x.shows("topicStatus -t "+operatedTopic, rows...)
	x.shows("brokerStatus -b "+o.master.Addr, `(?m)^brokerVersionDesc\s*:\s*V`, `(?m)^putTps\s*:`, `(?m)^bootTimestamp\s*:`, `(?m)^msgPutTotalTodayNow\s*:\s*[1-9]`)
	x.shows("getBrokerConfig -b "+o.master.Addr, `(?m)^brokerRole\s*=\s*ASYNC_MASTER`, `(?m)^brokerName\s*=\s*`+target.BrokerName)
	x.shows(fmt.Sprintf("updateBrokerConfig -b %s -k maxMessageSize -v %d", o.master.Addr, pair.MaxMessageSize), `update broker config success`)
	for _, client := range o.clients {
		if client.Java && client.Name != "java-"+x.version {
			continue
		}
		group, language := o.group(client), "GO"
		if client.Java {
			language = "JAVA"
		}
		x.shows("consumerProgress -g "+group, append(consumed, `Diff Total: 0`)...)
		x.shows("statsAll -t "+operatedTopic, fmt.Sprintf(`(?m)^%s\s+%s\s+\d`, operatedTopic, group))
		x.shows("producerConnection -g P_"+group+" -t "+producedTopic, `(?m)^0001\s+\S+\s+127\.0\.0\.1:\d+\s+`+language+`\s+V`)
		id := x.shows("consumerConnection -g "+group, `(?m)^(\S*`+group+`\S*)\s+127\.0\.0\.1:\d+\s+`+language+`\s+V`, `(?m)^`+operatedTopic+`\s+\*`, `MessageModel: CLUSTERING`)
		if !client.Java {
			continue // mqadmin cannot read what the client in Go says of itself: see asksGo
		}
		x.shows("consumerStatus -g "+group, `(?m)^1\s+`+regexp.QuoteMeta(id)+`\s+V`)
		direct := fmt.Sprintf("queryMsgById -i %s -g %s -d %s", o.sent[len(o.sent)-1].MsgID, group, id)
		if x.version == peers.V5 {
			direct += " -t " + operatedTopic
		}
		x.shows(direct, `consumeResult=CR_SUCCESS`)
	}
}

// failure matches what mqadmin prints instead of failing; names of Apache's keys have "Error" in them.
var failure = regexp.MustCompile(`(?m)^\S*Exception|^\s+at org\.apache|CODE: \d+`)

// An mqadminOf is mqadmin of a version, asked until it fails.
type mqadminOf struct {
	ctx     context.Context
	version string
	shell   *adminShell
	asked   int
	err     error
}

// shows runs a command until it prints what matches all of these, and returns what the group of
// the first matches.
func (x *mqadminOf) shows(command string, want ...string) string {
	for x.err == nil {
		x.asked++
		out, err := x.shell.print(x.asked, strings.Fields(command), time.Minute)
		if err != nil {
			x.err = err
			break
		}
		wrong := failure.FindString(out)
		for _, w := range want {
			if wrong == "" && !regexp.MustCompile(w).MatchString(out) {
				wrong = "nothing matches " + w
			}
		}
		if wrong == "" {
			found := regexp.MustCompile(want[0]).FindStringSubmatch(out)
			return found[len(found)-1]
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-x.ctx.Done():
			x.err = fmt.Errorf("mqadmin %s of %s: %s: %.3000s", command, x.version, wrong, out)
		}
	}
	return ""
}
