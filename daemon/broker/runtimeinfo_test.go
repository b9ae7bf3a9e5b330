package broker

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"pairmq/daemon/broker/timer"
	"pairmq/internal/remoting"
	"pairmq/store"
)

// TestRuntimeInfo: mqadmin takes these keys apart and fails without them.
func TestRuntimeInfo(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		time.Sleep(90 * time.Second)
		var info struct{ Table map[string]string }
		if err := json.Unmarshal(r.client().call(remoting.ReqGetBrokerRuntimeInfo, "").Body, &info); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"putTps", "getTransferedTps", "getTransferredTps"} {
			numbers := strings.Fields(info.Table[key])
			for _, n := range numbers {
				if _, err := strconv.ParseFloat(n, 64); err != nil {
					t.Errorf("%s is %q", key, info.Table[key])
				}
			}
			if len(numbers) != 3 {
				t.Errorf("%s is %q, want three numbers", key, info.Table[key])
			}
		}
		for _, key := range []string{
			"sendThreadPoolQueueSize", "pullThreadPoolQueueSize", "sendThreadPoolQueueHeadWaitTimeMills", "pullThreadPoolQueueHeadWaitTimeMills",
			"ackThreadPoolQueueSize", "ackThreadPoolQueueHeadWaitTimeMills", "pageCacheLockTimeMills", "earliestMessageTimeStamp",
			"msgPutTotalTodayNow", "msgPutTotalTodayMorning", "msgPutTotalYesterdayMorning", "msgGetTotalTodayNow", "msgGetTotalTodayMorning",
			"msgGetTotalYesterdayMorning", "brokerVersion", "commitLogDiskRatio", "consumeQueueDiskRatio", "bootTimestamp",
		} {
			if _, err := strconv.ParseFloat(info.Table[key], 64); err != nil {
				t.Errorf("%s is %q, want a number", key, info.Table[key])
			}
		}
		for key, want := range map[string]string{
			"brokerVersionDesc": "V4_9_7", "brokerActive": "true", "commitLogDiskRatio": "0.2300", "runtime": "1m30s", "brokerAddr": "127.0.0.1:20911",
		} {
			if info.Table[key] != want {
				t.Errorf("%s is %q, want %q", key, info.Table[key], want)
			}
		}
	})
}

// TestRuntimeInfoTellsOfTimers, of what the store refused, and of no time before which it takes nothing.
func TestRuntimeInfoTellsOfTimers(t *testing.T) {
	bubble(t, func(_ *Options, s *fakeStore) { s.now = time.Now().UnixMilli() }, func(t *testing.T, r *rig) {
		c := r.client()
		keys := func(when string, want map[string]string) {
			t.Helper()
			var info struct{ Table map[string]string }
			if err := json.Unmarshal(c.call(remoting.ReqGetBrokerRuntimeInfo, "").Body, &info); err != nil {
				t.Fatal(err)
			}
			for key, text := range want {
				if info.Table[key] != text {
					t.Errorf("%s: %s is %q, want %q", when, key, info.Table[key], text)
				}
			}
		}
		none := map[string]string{"timerReadBehind": "0", "timerOffsetBehind": "0", "timerCongestNum": "0", "timerEnqueueTps": "0", "timerDequeueTps": "0"}
		keys("at the start", none)
		keys("at the start", map[string]string{"putMessageFailedTimes": "0", "startAcceptSendRequestTimeStamp": "0"})
		for range 20 {
			c.expect(c.call(remoting.ReqSendMessageV2, "b", sendFields("T", "i", "TIMER_DELAY_MS\x0125000")...), 0, "")
		}
		time.Sleep(5 * time.Second)
		keys("20 wait", map[string]string{"timerReadBehind": "0", "timerOffsetBehind": "0", "timerCongestNum": "20", "timerEnqueueTps": "4", "timerDequeueTps": "0"})
		time.Sleep(21 * time.Second)
		keys("they came", map[string]string{"timerCongestNum": "0", "timerEnqueueTps": "0", "timerDequeueTps": "3"})

		r.st.putErr = store.ErrDiskFull
		c.call(remoting.ReqSendMessageV2, "b", sendFields("T", "i", "")...)
		c.call(remoting.ReqSendMessageV2, "b", sendFields("T", "i", "TIMER_DELAY_MS\x01x")...) // a wrong request
		keys("a full disk", map[string]string{"putMessageFailedTimes": "1"})
	})
	bubble(t, func(o *Options, _ *fakeStore) { o.ID = 1 }, func(t *testing.T, r *rig) {
		if body := string(r.client().call(remoting.ReqGetBrokerRuntimeInfo, "").Body); strings.Contains(body, `"timer`) {
			t.Errorf("a slave, which delivers nothing, tells of timers: %s", body)
		}
	})
}

// TestRuntimeInfoTellsOfQuotas: what pairmq status and topic show read.
func TestRuntimeInfoTellsOfQuotas(t *testing.T) {
	bubble(t, func(_ *Options, st *fakeStore) {
		st.quotas = []store.TopicQuota{{Topic: "Debug", Limit: 1 << 20}, {Topic: "Telemetry", Bytes: 2000, Limit: 2048, Full: true}}
	}, func(t *testing.T, r *rig) {
		var info struct{ Table map[string]string }
		if err := json.Unmarshal(r.client().call(remoting.ReqGetBrokerRuntimeInfo, "").Body, &info); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{"topicBytes Debug": "0/1048576", "topicBytes Telemetry": "2000/2048", "topicsAtQuota": "Telemetry"} {
			if info.Table[key] != want {
				t.Errorf("%s is %q, want %q", key, info.Table[key], want)
			}
		}
	})
}

func TestBrokerConfig(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.Config = func() string { return "brokerName=broker-a\n" } }, func(t *testing.T, r *rig) {
		resp := r.client().call(remoting.ReqGetBrokerConfig, "")
		var version struct{ Timestamp int64 }
		if err := json.Unmarshal([]byte(resp.Fields.Get("version")), &version); err != nil || version.Timestamp == 0 || string(resp.Body) != "brokerName=broker-a\n" {
			t.Errorf("answered %q in version %s, %v", resp.Body, resp.Fields.Get("version"), err)
		}
	})
}

// TestRates: averages over what there is of 10 s, a minute and ten minutes.
func TestRates(t *testing.T) {
	puts := func(s *store.Stats) int64 { return s.PutMessages }
	now := time.Date(2026, 11, 23, 23, 50, 0, 0, time.UTC)
	r := newRates(now, store.Stats{})
	if got := r.averages(now, 0, puts); got != "0.0 0.0 0.0" {
		t.Errorf("at the start: %s", got)
	}
	total := int64(0)
	for i := range 90 { // 15 minutes: first 10 messages a second, then 40, and 100 in the last 10 s
		rate := int64(10)
		if i >= 60 {
			rate = 40
		}
		if i == 89 {
			rate = 100
		}
		total += 10 * rate
		now = now.Add(upkeepPeriod)
		if i < 89 {
			r.sample(now, store.Stats{PutMessages: total}, timer.Status{})
		}
	}
	// One minute: 5 × 40 and 100. Ten: 30 × 10, 29 × 40 and 100.
	if got := r.averages(now, total, puts); got != "100.0 50.0 26.0" {
		t.Errorf("after 15 minutes: %s", got)
	}
	today, yesterday := r.midnights()
	if today.PutMessages != 60*100 || yesterday.PutMessages != 0 {
		t.Errorf("midnights %d and %d, want 6000 and 0", today.PutMessages, yesterday.PutMessages)
	}
}
