package interop

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
)

// delayLevels are so short that nobody waits long; those that producers and
// consumers name beyond the last are the last.
const delayLevels = "1s 2s 4s"

// delayOf is how long a message waits at a level.
func delayOf(level int) time.Duration {
	return []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second}[min(level, 3)]
}

// mostLate is what a busy machine may take longer than a message's delay.
const mostLate = 10 * time.Second

// delay has a client send at every level, and beyond, and sees each message
// come once, neither early nor much too late.
func delay(t *testing.T, w *world, client *agents.Agent) {
	const n = 100
	topic := name(t)
	w.topic(t, topic, 4)
	c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: "C_" + topic, Topic: topic, Expr: "TagL", Instance: topic})
	if err != nil {
		t.Fatal(err)
	}
	levels := []int{1, 0, 2, 3, 18}
	sent, err := client.Delay(within(t, time.Minute), "P_"+topic, topic, 0, n, levels...)
	if err != nil {
		t.Fatal(err)
	}
	waited := c.Wait(within(t, time.Minute), distinct(n))
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	r := verify.Deliveries(wantLater(n), placeless(sent), c.Got())
	if err := r.Err(); err != nil || r.Redelivered != 0 || waited != nil {
		t.Fatalf("%v, %d delivered twice, %v", err, r.Redelivered, waited)
	}
	var most time.Duration
	for _, g := range c.Got() {
		level := levels[g.Index%len(levels)]
		took := time.Duration(g.Stored-g.Born) * time.Millisecond
		if over := took - delayOf(level); over < 0 || over > mostLate {
			t.Errorf("message %d of level %d was delivered %v after it was sent, want %v", g.Index, level, took, delayOf(level))
		} else {
			most = max(most, over)
		}
		if g.Topic != topic {
			t.Errorf("message %d came from topic %s", g.Index, g.Topic)
		}
	}
	t.Logf("%d messages, at most %v late", n, most)
}

// placeless is sent without the queue offsets: those are in the schedule.
func placeless(sent []verify.Sent) []verify.Sent {
	all := slices.Clone(sent)
	for i := range all {
		all[i].QueueOffset = verify.NoOffset
	}
	return all
}

// wantLater is what an agent's delayed messages look like.
func wantLater(n int) []verify.Want {
	all := make([]verify.Want, n)
	for i := range all {
		body := fmt.Sprintf("later %d", i)
		all[i] = verify.Want{Length: len(body), CRC: crc32.ChecksumIEEE([]byte(body)), Tag: "TagL", Keys: fmt.Sprintf("later-%d", i),
			User: map[string]string{"n": fmt.Sprint(i)}}
	}
	return all
}

// byIndex sorts deliveries by message, and those of one message by time.
func byIndex(got []verify.Got) map[int][]verify.Got {
	all := map[int][]verify.Got{}
	for _, g := range got {
		all[g.Index] = append(all[g.Index], g)
	}
	for _, times := range all {
		slices.SortFunc(times, func(a, b verify.Got) int { return cmp.Compare(a.Micros, b.Micros) })
	}
	return all
}
