package interop

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// TestAdmin runs mqadmin of both versions, each command in its own process as
// an operator would.
func TestAdmin(t *testing.T) {
	tg := startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"})
	for _, version := range []string{peers.V4, peers.V5} {
		t.Run("mqadmin-"+version, func(t *testing.T) {
			if tg.Kind != target.Pairmq && tg.Kind != "apache-"+version {
				t.Skip("Apache's mqadmin fails with a broker of the other major version: 4.9.7 misses getTransferedTps, 5.4.0 request 351")
			}
			t.Parallel()
			p, err := peers.Fetch(t.Context(), version)
			if err != nil {
				t.Fatal(err)
			}
			adminRound(t, tg, p)
		})
	}
}

// complaint matches what mqadmin prints instead of failing.
var complaint = regexp.MustCompile(`(?m)Exception|^\s+at org\.apache|Error|CODE: \d+`)

// adminRound makes a topic, looks at it from all sides, and deletes it.
func adminRound(t *testing.T, tg *target.Target, p *peers.Peer) {
	topic, group := "Admin-"+dotless(p.Version), "AdminGroup-"+dotless(p.Version)
	dir := workDir(t)
	raw := func(command ...string) string {
		t.Helper()
		out, err := p.Admin(t.Context(), dir, tg.Namesrv, command...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	run := func(command ...string) string {
		t.Helper()
		out := raw(command...)
		if found := complaint.FindString(out); found != "" {
			t.Errorf("mqadmin %s prints %q:\n%s", strings.Join(command, " "), found, out)
		}
		return out
	}
	shows := func(out string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !regexp.MustCompile(w).MatchString(out) {
				t.Errorf("nothing matches %q in:\n%s", w, out)
			}
		}
	}
	shows(run("updateTopic", "-b", tg.Broker, "-t", topic, "-r", "6", "-w", "6"), "create topic to "+tg.Broker+" success", `readQueueNums=6`)
	shows(run("updateTopic", "-c", target.Cluster, "-t", topic, "-r", "6", "-w", "6"), "create topic to "+tg.Broker+" success")
	shows(run("clusterList"), target.Cluster+`\s+`+target.BrokerName+`\s+0\s+`+tg.Broker, `V\d_\d+_\d+`)
	shows(run("topicList"), `(?m)^`+topic+`\s*$`)
	shows(run("topicRoute", "-t", topic), `"brokerName":\s*"`+target.BrokerName+`"`, `"readQueueNums":\s*6`, regexp.QuoteMeta(tg.Broker))
	consumed := sendAndCommit(t, tg, topic, group, 6)
	shows(run("topicStatus", "-t", topic), fmt.Sprintf(`(?m)^%s\s+5\s+0\s+%d\s`, target.BrokerName, consumed))
	shows(run("brokerStatus", "-b", tg.Broker), `(?m)^brokerVersionDesc\s*:\s*V`, `(?m)^putTps\s*:`, `(?m)^bootTimestamp\s*:`, `(?m)^msgPutTotalTodayNow\s*:\s*\d`)
	shows(run("consumerProgress", "-g", group), fmt.Sprintf(`(?m)^%s\s+%s\s+0\s+%d\s+%d\s.*\s1\s`, topic, target.BrokerName, consumed, consumed-1),
		`Consume TPS: \d`, `Diff Total: 6`)
	if tg.Kind == target.Pairmq { // of Apache's, 4.9.7 waits for consumers that obey
		shows(run("resetOffsetByTime", "-g", group, "-t", topic, "-s", "1", "-f", "true"), `(?m)^`+target.BrokerName+`\s+5\s+0\s*$`)
		shows(run("consumerProgress", "-g", group), fmt.Sprintf(`(?m)^%s\s+%s\s+0\s+%d\s+0\s`, topic, target.BrokerName, consumed), `Diff Total: 30`)
	}
	// Of a group that is offline and consumes nothing this prints an exception, with any broker; another test may have made one.
	shows(raw("consumerProgress"), `(?m)^`+group+`\s+1\s+V4_9_7\s+PUSH\s+CLUSTERING\s`)
	shows(run("deleteTopic", "-c", target.Cluster, "-t", topic), `delete topic \[`+topic+`\] from cluster \[`+target.Cluster+`\] success`)
	if out := run("topicList"); regexp.MustCompile(`(?m)^` + topic + `\s*$`).MatchString(out) {
		t.Errorf("the deleted topic is still listed:\n%s", out)
	}
}

// sendAndCommit fills each queue with five messages and has a group, that is
// online then, commit all but the last of each; it returns five.
func sendAndCommit(t *testing.T, tg *target.Target, topic, group string, queues int) int {
	t.Helper()
	ctx, c := within(t, time.Minute), dial(t, tg)
	if err := c.Heartbeat(ctx, "192.0.2.1@admin#"+group, group, topic); err != nil {
		t.Fatal(err)
	}
	const each = 5
	for q := range int32(queues) {
		for i := range each {
			if _, err := c.Send(ctx, wire.Message{Topic: topic, QueueID: q, Body: fmt.Appendf(nil, "admin %d", i)}); err != nil {
				t.Fatal(err)
			}
		}
		_, err := c.Do(ctx, wire.NewCommand(wire.UpdateConsumerOff, "consumerGroup", group, "topic", topic, "queueId", q, "commitOffset", each-1))
		if err != nil {
			t.Fatal(err)
		}
	}
	return each
}
