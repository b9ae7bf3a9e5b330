package broker

import (
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// TestPeek: it shows what would be popped, and takes nothing; what comes again last.
func TestPeek(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		c := r.client()
		peek := func(rest, want string) {
			t.Helper()
			resp := c.call(remoting.ReqPeekMessage, "", "consumerGroup", "CG", "topic", "T", "queueId", "-1", "maxMsgNums", "2")
			code := int32(remoting.RespSuccess)
			if want == "" {
				code = remoting.RespPullNotFound
			}
			c.expect(resp, code, "")
			if got, _ := popped(t, resp); got != want || resp.Fields.Get("restNum") != rest {
				t.Errorf("there is %q, %s in all, want %q, %s", got, resp.Fields.Get("restNum"), want, rest)
			}
		}
		peek("0", "")
		c.sent("m", 3)
		peek("3", "m0/0 m1/0")
		peek("3", "m0/0 m1/0")
		if got, acks := c.pop("T", "maxMsgNums", "2"); got != "m0/0 m1/0" {
			t.Errorf("popped %q", got)
		} else {
			c.acks(acks[0])
		}
		peek("1", "m2/0")
		time.Sleep(11 * time.Second)
		peek("2", "m2/0")
		if got, acks := c.pop("T", "queueId", "0"); got == "m2/0" {
			c.acks(acks...)
			peek("1", "m1/1")
		}
		for _, bad := range []string{"0", "-1", "33", "1000000"} {
			c.expect(c.call(remoting.ReqPeekMessage, "", "consumerGroup", "CG", "topic", "T", "queueId", "-1", "maxMsgNums", bad), remoting.RespInvalidParameter, "maxMsgNums")
		}
	})
}
