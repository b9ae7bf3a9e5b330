package broker

import (
	"errors"
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store"
)

func TestQueryMessage(t *testing.T) {
	q := func(fields ...string) []string {
		return with([]string{"topic", "T", "key", "k", "maxNum", "64", "beginTimestamp", "0", "endTimestamp", "9223372036854775807"}, fields)
	}
	tests := []struct {
		name    string
		fields  []string
		code    int32
		bodies  string
		remark  string
		indexed bool // the answer says how far
	}{
		{"by key", q(), 0, "first second third", "", true},
		{"the newest", q("maxNum", "1", "_UNIQUE_KEY_QUERY", "false"), 0, "third", "", true},
		{"by unique key", q("maxNum", "1", "_UNIQUE_KEY_QUERY", "true"), 0, "second third", "", true},
		{"as 5.4.0 has it", q("indexType", "U", "lastKey", "x"), 0, "second third", "", true},
		{"a key of 5.4.0", q("indexType", "K"), 0, "first second third", "", true},
		{"a tag of 5.4.0", q("indexType", "T"), remoting.RespInvalidParameter, "", "not by", false},
		{"no such key", q("key", "other"), remoting.RespQueryNotFound, "", "no message", true},
		{"no such topic", q("topic", "None"), remoting.RespQueryNotFound, "", "no message", true},
		{"of another time", q("endTimestamp", "1"), remoting.RespQueryNotFound, "", "no message", true},
		{"none", q("maxNum", "-3"), remoting.RespQueryNotFound, "", "no message", true},
		{"no key", q("key", "-"), remoting.RespSystemError, "", "required", false},
		{"no topic", q("topic", ""), remoting.RespSystemError, "", "required", false},
		{"no number", q("maxNum", "-"), remoting.RespSystemError, "", "maxNum is missing", false},
		{"no beginning", q("beginTimestamp", "x"), remoting.RespSystemError, "", "beginTimestamp", false},
		{"no end", q("endTimestamp", "-"), remoting.RespSystemError, "", "endTimestamp", false},
		{"no boolean", q("_UNIQUE_KEY_QUERY", "maybe"), remoting.RespSystemError, "", "_UNIQUE_KEY_QUERY", false},
	}
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		for _, m := range [][2]string{{"first", "KEYS\x01j k"}, {"second", "UNIQ_KEY\x01k"}, {"third", "UNIQ_KEY\x01k\x02KEYS\x01j"}} {
			c.expect(c.call(remoting.ReqSendMessageV2, m[0], sendFields("T", "i", m[1])...), 0, "")
		}
		for _, tt := range tests {
			resp := c.call(remoting.ReqQueryMessage, "", tt.fields...)
			c.expect(resp, tt.code, tt.remark)
			if got := bodies(t, resp); got != tt.bodies {
				t.Errorf("%s: messages %q, want %q", tt.name, got, tt.bodies)
			}
			stamp, end := resp.Fields.Get("indexLastUpdateTimestamp"), resp.Fields.Get("indexLastUpdatePhyoffset")
			if want := itoa(r.st.end); tt.indexed != (stamp == "1795404113000" && end == want) {
				t.Errorf("%s: indexed until %q and %q", tt.name, stamp, end)
			}
		}
		r.st.getErr = store.ErrFailed
		c.expect(c.call(remoting.ReqQueryMessage, "", q()...), remoting.RespServiceNotAvailable, "disk has failed")
		r.st.getErr = errors.New("secret")
		c.expect(c.call(remoting.ReqQueryMessage, "", q()...), remoting.RespSystemError, "its log says why")
	})
}
