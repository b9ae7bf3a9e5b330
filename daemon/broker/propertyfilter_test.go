package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// sendWith sends a message with these properties, names and values in turn.
func (c *client) sendWith(topic, body string, properties ...string) {
	c.t.Helper()
	text := ""
	for i := 0; i < len(properties); i += 2 {
		text += properties[i] + "\x01" + properties[i+1] + "\x02"
	}
	c.expect(c.call(remoting.ReqSendMessageV2, body, sendFields(topic, "i", text)...), remoting.RespSuccess, "")
}

// beatSQL has a consumer of group CG subscribe to topic by an expression.
func (c *client) beatSQL(topic, expression string, version int) {
	c.t.Helper()
	c.expect(c.call(remoting.ReqHeartBeat, fmt.Sprintf(`{"clientID":"a","consumerDataSet":[{"groupName":"CG","messageModel":"CLUSTERING",
		"subscriptionDataSet":[{"topic":%q,"subString":%q,"expressionType":"SQL92","subVersion":%d}]}]}`, topic, expression, version)), remoting.RespSuccess, "")
}

func TestPullByExpression(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		c := r.client()
		c.sendWith("T", "one", "a", "1", "region", "EU")
		c.sendWith("T", "seven", "a", "7", "region", "US", "TAGS", "TagA")
		c.sendWith("T", "none")
		c.sendWith("T", "text", "a", "x")
		for expression, want := range map[string]string{
			"a > 0":                         "one seven",
			"a > 5 OR region = 'EU'":        "one seven",
			"a IS NULL":                     "none",
			"NOT (a = '1') AND a <> 'x'":    "seven",
			"TAGS = 'TagA'":                 "seven",
			"TRUE":                          "one seven none text",
			"a IN ('x') OR region = 'none'": "text",
		} {
			resp := c.call(remoting.ReqPullMessage, "", pullFields("T", "expressionType", "SQL92", "subscription", expression)...)
			if got := bodies(t, resp); got != want || offsets(resp) != "4 0..4 from broker 0" {
				t.Errorf("%s: %q, %s, want %q", expression, got, offsets(resp), want)
			}
		}
		resp := c.call(remoting.ReqPullMessage, "", pullFields("T", "expressionType", "SQL92", "subscription", "b = 'x'", "sysFlag", "6")...)
		if resp.Code != remoting.RespPullRetryImmediately || offsets(resp) != "4 0..4 from broker 0" {
			t.Errorf("nothing matches: answered %d %s, %s", resp.Code, resp.Remark, offsets(resp))
		}
	})
}

// TestExpressionOfAHeartbeat: the group's newest expression counts, and one that is
// wrong is refused with the codes that RocketMQ has for it.
func TestExpressionOfAHeartbeat(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		c.sendWith("T", "one", "a", "1")
		c.sendWith("T", "two", "a", "2")
		pull := func(version string) *remoting.Command {
			return c.call(remoting.ReqPullMessage, "", pullFields("T", "sysFlag", "0", "subVersion", version)...)
		}
		c.beatSQL("T", "a >", 3)
		c.expect(pull("3"), remoting.RespFilterDataNotExist, "at byte 3")
		for i, want := range []string{"one", "two"} {
			c.beatSQL("T", fmt.Sprintf("a = %d", i+1), 4+i)
			if got := bodies(t, pull("4")); got != want {
				t.Errorf("pulled %q, want %q", got, want)
			}
		}
		c.expect(pull("6"), remoting.RespSubscriptionNotLatest, "")
		c.beatSQL("T", "a = 'x", 6)
		c.expect(pull("6"), remoting.RespFilterDataNotLatest, "no token begins at byte 4")
		c.beatSQL("T", "a = '"+strings.Repeat("x", 1_000_000)+"'", 7) // its length is nothing that others could lack room for
		c.expect(pull("7"), remoting.RespFilterDataNotExist, "it has 1000006 bytes, at most 16384")
		if got := c.call(remoting.ReqGetConsumerConnectionList, "", "consumerGroup", "CG"); got.Code != 0 || len(got.Body) > 2000 {
			t.Errorf("who asks for the group is told %d bytes, code %d", len(got.Body), got.Code)
		}
	})
	bubble(t, func(o *Options, _ *fakeStore) { o.NoPropertyFilter = true }, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		c := r.client()
		const remark = "The broker does not support consumer to filter message by SQL92"
		c.beatSQL("T", "a = 1", 3)
		c.expect(c.call(remoting.ReqPullMessage, "", pullFields("T", "sysFlag", "0")...), remoting.RespSystemError, remark)
		c.expect(c.call(remoting.ReqPullMessage, "", pullFields("T", "expressionType", "SQL92", "subscription", "a = 1")...), remoting.RespSystemError, remark)
		c.expect(c.call(remoting.ReqCheckClientConfig, `{"subscriptionData":{"topic":"T","subString":"a = 1","expressionType":"SQL92"}}`), remoting.RespSystemError, remark)
	})
}

// TestHeldByExpression: a held pull is not answered for what its expression does not
// want, and goes on behind that.
func TestHeldByExpression(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		consumer, producer := r.client(), r.client()
		begin := func() <-chan *remoting.Command {
			return consumer.begin(remoting.ReqPullMessage, "", heldPullFields("expressionType", "SQL92", "subscription", "a = 'yes'")...)
		}
		producer.sendWith("T", "before", "a", "no")
		first := consumer.begin(remoting.ReqPullMessage, "", heldPullFields("expressionType", "SQL92", "subscription", "a = 'yes'", "queueOffset", "1")...)
		for i := range 5 {
			time.Sleep(time.Second) // of the bubble's time
			producer.sendWith("T", "unwanted", "a", "no")
			time.Sleep(time.Second)
			if !pending(first) {
				t.Fatalf("answered for unwanted message %d: %v", i, <-first)
			}
		}
		producer.sendWith("T", "wanted", "a", "yes")
		if resp := <-first; bodies(t, resp) != "wanted" || offsets(resp) != "7 0..7 from broker 0" {
			t.Errorf("woken with %d %s, %q", resp.Code, offsets(resp), bodies(t, resp))
		}
		if resp := <-begin(); bodies(t, resp) != "wanted" {
			t.Errorf("from the beginning: %d %s", resp.Code, resp.Remark)
		}
		// At its time the offset has gone on.
		began := time.Now()
		last := consumer.begin(remoting.ReqPullMessage, "", heldPullFields("expressionType", "SQL92", "subscription", "a = 'yes'", "queueOffset", "7")...)
		time.Sleep(time.Second)
		producer.sendWith("T", "unwanted", "a", "no")
		if resp := <-last; resp.Code != remoting.RespPullNotFound || offsets(resp) != "8 0..8 from broker 0" || time.Since(began) != 15*time.Second {
			t.Errorf("at its time: %d %s, %s, after %v", resp.Code, resp.Remark, offsets(resp), time.Since(began))
		}
		r.idle()
	})
}

// TestRetryByExpression: a message that comes again has passed the expression of the
// topic that it was sent to.
func TestRetryByExpression(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		r.topic("%RETRY%CG", 1)
		c := r.client()
		c.sendWith("%RETRY%CG", "wanted", "a", "1", "RETRY_TOPIC", "T")
		c.sendWith("%RETRY%CG", "unwanted", "a", "2", "RETRY_TOPIC", "T")
		c.sendWith("%RETRY%CG", "of another topic", "a", "2", "RETRY_TOPIC", "U")
		c.sendWith("%RETRY%CG", "of none", "a", "2")
		c.beatSQL("T", "a = 1", 3)
		resp := c.call(remoting.ReqPullMessage, "", pullFields("%RETRY%CG", "expressionType", "SQL92", "subscription", "a = 9")...)
		if got := bodies(t, resp); got != "wanted of another topic of none" {
			t.Errorf("pulled %q", got)
		}
	})
}

// TestExpressionsAreKept: what is used is compiled once, and what was used is
// forgotten.
func TestExpressionsAreKept(t *testing.T) {
	x := newExpressions(func() bool { return true })
	used, err := x.compile("SQL92", "a = 'used'")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", maxExpressionBytes/8)
	for i := range 5 * maxExpressions {
		text := fmt.Sprintf("a = '%d'", i)
		if i%2 == 0 {
			text = fmt.Sprintf("a = '%d%s'", i, long)
		}
		if _, err := x.compile("SQL92", text); err != nil {
			t.Fatal(err)
		}
		if len(x.now) > maxExpressions || len(x.old) > maxExpressions || x.bytes > maxExpressionBytes {
			t.Fatalf("%d and %d expressions are kept, %d bytes", len(x.now), len(x.old), x.bytes)
		}
		if again, err := x.compile("SQL92", "a = 'used'"); again != used || err != nil {
			t.Fatalf("after %d others what is used was compiled again, %v", i+1, err)
		}
	}
	if x.now["a = '0'"] != nil || x.old["a = '1'"] != nil {
		t.Error("the first is still kept")
	}
}
