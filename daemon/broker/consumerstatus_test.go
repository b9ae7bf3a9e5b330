package broker

import (
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// TestConsumersSayHowFarTheyAre: what consumers answer is put together by client id; those
// that do not, or answer no map, are missing.
func TestConsumersSayHowFarTheyAre(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		r.group("CG")
		one, two, three, operator := r.client(), r.client(), r.client(), r.client()
		for i, c := range []*client{one, two, three} {
			c.expect(c.call(remoting.ReqHeartBeat, heartbeatOf("192.0.2.9@"+itoa(int64(i+1)), "CG", "CLUSTERING", "T")), 0, "")
		}
		const offsets = `{{"brokerName":"broker-a","queueId":0,"topic":"T"}:17}`
		two.answer(&remoting.Response{Body: []byte(`{"consumerTable":{},"messageQueueTable":` + offsets + `}`)})
		ask := func(fields ...string) []string {
			return with([]string{"topic", "T", "group", "CG", "clientAddr", ""}, fields)
		}
		want := func(resp *remoting.Command, body string) {
			t.Helper()
			operator.expect(resp, 0, "")
			if body = `{"consumerTable":{` + body + `},"messageQueueTable":{}}`; string(resp.Body) != body {
				t.Errorf("the answer is %s, want %s", resp.Body, body)
			}
		}

		one.answer(nil)
		for _, bad := range []*remoting.Response{
			{Code: 1, Remark: "no such group"}, {}, {Body: []byte(`{"messageQueueTable":{}`)}, {Body: []byte(`{"messageQueueTable":1}`)}, {Body: []byte(`{"messageQueueTable":}`)},
		} {
			three.answer(bad)
			began := time.Now()
			waits := operator.begin(remoting.ReqInvokeBrokerToGetConsumerStatus, "", ask()...)
			if !pending(waits) {
				t.Fatal("answered although a consumer does not answer")
			}
			operator.expect(operator.call(remoting.ReqGetMaxOffset, "", "topic", "T", "queueId", "0"), 0, "") // meanwhile
			want(<-waits, `"192.0.2.9@2":`+offsets)
			if took := time.Since(began); took != pushTime {
				t.Errorf("answered after %v", took)
			}
		}
		if got := two.commands(); len(got) != 5 || got[0].Code != remoting.ReqGetConsumerStatusFromClient || got[0].Fields.Get("topic") != "T" || got[0].Fields.Get("group") != "CG" {
			t.Errorf("a consumer was asked %+v", got)
		}
		want(operator.call(remoting.ReqInvokeBrokerToGetConsumerStatus, "", ask("clientAddr", "192.0.2.9@2")...), `"192.0.2.9@2":`+offsets)
		want(operator.call(remoting.ReqInvokeBrokerToGetConsumerStatus, "", ask("clientAddr", "who")...), "")
		operator.expect(operator.call(remoting.ReqInvokeBrokerToGetConsumerStatus, "", ask("group", "Other")...), remoting.RespSystemError, "Other")

		two.answer(&remoting.Response{Body: []byte(`{"messageQueueTable":{` + strings.Repeat(" ", maxConsumerStatus) + `}}`)})
		operator.expect(operator.call(remoting.ReqInvokeBrokerToGetConsumerStatus, "", ask("clientAddr", "192.0.2.9@2")...), remoting.RespSystemError, "clientAddr")
	})
}
