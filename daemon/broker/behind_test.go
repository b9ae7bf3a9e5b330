package broker

import (
	"slices"
	"strconv"
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// TestBehindServesConsumersAlone: while the index is made anew, consumers that have
// begun go on, and whoever needs the end of a queue, or wants to change something,
// is told to try elsewhere or again.
func TestBehindServesConsumersAlone(t *testing.T) {
	asked := 0
	more := func(req *remoting.Request) error {
		asked++
		replyDone(req)
		return nil
	}
	bubble(t, func(o *Options, st *fakeStore) {
		o.Behind = true
		o.More = map[int32]func(*remoting.Request) error{remoting.ReqExchangePairState: more}
		_ = st.PutTopic(table.Topic{Name: "T", ReadQueueNums: 4, WriteQueueNums: 4, Perm: 6})
		st.CommitOffset("CG", "T", 1, 7)
	}, func(t *testing.T, r *rig) {
		c := r.client()
		served := whileBehind()
		refused := 0
		for code := range r.b.table() {
			if slices.Contains(served, code) {
				continue
			}
			refused++
			if got := c.call(code, "m", sendFields("T")...); got.Code != remoting.RespServiceNotAvailable {
				t.Errorf("%s is answered %d %s, want %d", remoting.RequestName(code), got.Code, got.Remark, remoting.RespServiceNotAvailable)
			}
		}
		if n := len(r.st.stored("T", 0)); n != 0 || refused < 20 {
			t.Errorf("%d messages were stored, %d kinds of requests were refused", n, refused)
		}
		q := func(id int) []string {
			return []string{"consumerGroup", "CG", "topic", "T", "queueId", strconv.Itoa(id)}
		}
		for _, test := range []struct {
			name   string
			code   int32
			fields []string
			body   string
			want   string
		}{
			{"where a group goes on", remoting.ReqQueryConsumerOffset, q(1), "", "0 offset=7"},
			{"where a new group begins", remoting.ReqQueryConsumerOffset, q(2), "", "14"},
			{"a commit", remoting.ReqUpdateConsumerOffset, append(q(1), "commitOffset", "9"), "", "0"},
			{"what it does", remoting.ReqQueryConsumerOffset, q(1), "", "0 offset=9"},
			{"a heartbeat", remoting.ReqHeartBeat, nil, heartbeatOf("id", "CG", "CLUSTERING", "T"), "0"},
			{"the pair's own", remoting.ReqExchangePairState, nil, "", "0"},
		} {
			if got := answer(c.call(test.code, test.body, test.fields...)); got != test.want {
				t.Errorf("%s: answered %s, want %s", test.name, got, test.want)
			}
		}
		if asked != 1 {
			t.Errorf("the pair's own request was served %d times", asked)
		}
	})
}
