package broker

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// ackBatchOf is the body of a request 200151 as 5.4.0 makes it: of the pop that an
// acknowledgement is for the messages whose bits are set, from offset start on.
func ackBatchOf(ack []string, start int, bits ...byte) string {
	f := pairs(ack)
	h := strings.Fields(f.Get("extraInfo")) // offset, pop time, invisible time, revive queue, kind, broker, queue
	return fmt.Sprintf(`{"brokerName":"broker-a","acks":[{"c":"CG","t":"T","r":%q,"so":%d,"q":%s,"rq":%s,"pt":%s,"it":%s,"b":%q}]}`,
		h[4], start, f.Get("queueId"), h[3], h[1], h[2], base64.StdEncoding.EncodeToString(bits))
}

// TestBatchesAreAcknowledged: of a topic's own queues and of the retry topic.
func TestBatchesAreAcknowledged(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 10)
		_, acks := c.pop("T")
		if len(acks) != 10 {
			t.Fatalf("%d messages were popped", len(acks))
		}
		batch := func(body string, code int32) {
			t.Helper()
			c.expect(c.call(remoting.ReqBatchAckMessage, body), code, "")
		}
		batch(ackBatchOf(acks[0], 0, 0b0110_1111, 0b10), remoting.RespSuccess) // all but 4, 7 and 8
		if at, _ := r.st.Offset("CG", "T", 0); at != 4 {
			t.Errorf("the group is at %d, want 4", at)
		}
		batch(ackBatchOf(acks[0], 100, 0xff), remoting.RespSuccess) // none of which is there
		time.Sleep(11 * time.Second)
		got, again := c.pop("T")
		if got != "m4/1 m7/1 m8/1" {
			t.Fatalf("again come %q", got)
		}
		batch(ackBatchOf(again[0], 0, 0b111), remoting.RespSuccess)
		c.nothingComes("when all are acknowledged")
		batch("", remoting.RespInvalidParameter)
		batch(`{"acks":[]}`, remoting.RespNoMessage)
		batch(ackBatchOf(again[0], -1, 1), remoting.RespInvalidParameter)
		batch(ackBatchOf(again[0], 0, make([]byte, 1<<19)...), remoting.RespSuccess) // zeros are nothing
		batch(ackBatchOf(again[0], 0, append(make([]byte, 1<<19), 1)...), remoting.RespInvalidParameter)
		batch(strings.Repeat("[", 1<<10), remoting.RespInvalidParameter)
	})
}

// TestAcknowledgementsOfOthers: handles of another topic, of another queue or offset, or of
// no pop do nothing, and no harm.
func TestAcknowledgementsOfOthers(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		r.topic("U", 1)
		c := r.client()
		c.sent("m", 2)
		c.send("U", "", "u0")
		_, acks := c.pop("T")
		for _, test := range []struct {
			code   int32
			change []string
		}{
			{remoting.RespSuccess, []string{"topic", "U"}}, // nothing of it is in flight
			{remoting.RespTopicNotExist, []string{"topic", "V"}},
			{remoting.RespSuccess, []string{"consumerGroup", "Nobody"}},
			{remoting.RespNoMessage, []string{"queueId", "1"}},
			{remoting.RespMessageIllegal, []string{"queueId", "2"}},
			{remoting.RespInvalidParameter, []string{"queueId", "-1"}},
			{remoting.RespNoMessage, []string{"offset", "2"}},
			{remoting.RespNoMessage, []string{"offset", "-1"}},
			{remoting.RespInvalidParameter, []string{"extraInfo", "0 1 2"}},
			{remoting.RespInvalidParameter, []string{"extraInfo", "-"}},
			{remoting.RespNoMessage, []string{"extraInfo", "0 1 10000 999 0 broker-a 0 0"}}, // of an ordered pop
			{remoting.RespNoMessage, []string{"extraInfo", "0 1 10000 0 0 broker-a 0 0"}},
		} {
			fields := with(append([]string(nil), acks[0]...), test.change)
			c.expect(c.call(remoting.ReqAckMessage, "", fields...), test.code, "")
		}
		for _, invisible := range []string{"-1", "31536000000000"} {
			c.expect(c.call(remoting.ReqChangeMessageInvisibletime, "", append(acks[0], "invisibleTime", invisible)...), remoting.RespInvalidParameter, "invisibleTime")
		}
		c.acks(acks...)
		if at, _ := r.st.Offset("CG", "T", 0); at != 2 {
			t.Errorf("the group is at %d, want 2", at)
		}
		c.nothingComes("when all are acknowledged")
	})
}
