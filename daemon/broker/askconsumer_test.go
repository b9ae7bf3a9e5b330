package broker

import (
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// TestConsumersAreAsked: what an operator wants to know of a consumer, it is asked
// over the connection that it has anyway, and its answer is passed on.
func TestConsumersAreAsked(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		r.group("CG")
		one, two, operator := r.client(), r.client(), r.client()
		one.expect(one.call(remoting.ReqHeartBeat, heartbeatOf("192.0.2.9@1", "CG", "CLUSTERING", "T")), 0, "")
		two.expect(two.call(remoting.ReqHeartBeat, heartbeatOf("192.0.2.9@2", "CG", "CLUSTERING", "T")), 0, "")
		id := operator.send("T", "", "once more").Fields.Get("msgId")
		two.answer(&remoting.Response{Remark: "as asked", Body: []byte(`{"jstack":"none"}`), Fields: pairs([]string{"more", "yes"})})

		info := func(fields ...string) []string {
			return with([]string{"consumerGroup", "CG", "clientId", "192.0.2.9@2", "jstackEnable", "true"}, fields)
		}
		resp := operator.call(remoting.ReqGetConsumerRunningInfo, "", info()...)
		operator.expect(resp, 0, "as asked")
		if string(resp.Body) != `{"jstack":"none"}` || resp.Fields.Get("more") != "yes" {
			t.Errorf("the answer is %q %v", resp.Body, resp.Fields)
		}
		if got := two.commands(); len(got) != 1 || got[0].Code != remoting.ReqGetConsumerRunningInfo || got[0].Fields.Get("jstackEnable") != "true" || len(got[0].Body) != 0 {
			t.Errorf("the consumer was asked %+v", got)
		}
		direct := func(fields ...string) []string {
			return with([]string{"consumerGroup", "CG", "clientId", "192.0.2.9@2", "msgId", id, "brokerName", "other", "topic", "T"}, fields)
		}
		operator.expect(operator.call(remoting.ReqConsumeMessageDirectly, "", direct()...), 0, "as asked")
		got := two.commands()
		if len(got) != 1 {
			t.Fatalf("the consumer was asked %+v", got)
		}
		if v, err := record.Parse(got[0].Body, record.Limits{}); err != nil || string(v.Body()) != "once more" {
			t.Errorf("the consumer was given %q, %v", got[0].Body, err)
		}
		if f := got[0].Fields; f.Get("brokerName") != "broker-a" || f.Get("msgId") != id || f.Get("topicSysFlag") != "0" || f.Get("groupSysFlag") != "0" {
			t.Errorf("the consumer was told %v", f)
		}
		if got := one.commands(); len(got) != 0 {
			t.Errorf("the other consumer was asked %+v", got)
		}

		operator.expect(operator.call(remoting.ReqConsumeMessageDirectly, "", direct("msgId", "x")...), remoting.RespInvalidParameter, "msgId")
		operator.expect(operator.call(remoting.ReqConsumeMessageDirectly, "", direct("msgId", id[:30]+"FF")...), remoting.RespSystemError, "no message")
		operator.expect(operator.call(remoting.ReqGetConsumerRunningInfo, "", info("clientId", "who")...), remoting.RespSystemError, "not online")
		operator.expect(operator.call(remoting.ReqGetConsumerRunningInfo, "", info("consumerGroup", "Other")...), remoting.RespSystemError, "not online")
		two.answer(&remoting.Response{Code: 1, Remark: "no such group"})
		operator.expect(operator.call(remoting.ReqGetConsumerRunningInfo, "", info()...), 1, "no such group")

		two.answer(nil)
		waits := operator.begin(remoting.ReqGetConsumerRunningInfo, "", info()...)
		if !pending(waits) {
			t.Fatal("answered although the consumer does not answer")
		}
		operator.expect(operator.call(remoting.ReqGetMaxOffset, "", "topic", "T", "queueId", "0"), 0, "") // meanwhile
		if !pending(waits) {
			t.Fatal("answered although the consumer does not answer")
		}
		operator.expect(<-waits, remoting.RespConsumeMsgTimeout, "not answered")
		waits = operator.begin(remoting.ReqGetConsumerRunningInfo, "", info()...)
		if !pending(waits) {
			t.Fatal("answered although the consumer does not answer")
		}
		_ = two.conn.Close()
		operator.expect(<-waits, remoting.RespSystemError, "not reached")
	})
}
