package broker

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

// TestPoppedMessagesBecomeDeadLetters: once they were popped as often as the group has it,
// as they were sent but for what says so.
func TestPoppedMessagesBecomeDeadLetters(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		g := table.DefaultGroup("CG")
		g.RetryMaxTimes = 2
		_ = r.st.PutGroup(g)
		c := r.client()
		c.send("T", "TagA", "m0")
		began := time.Now().UnixMilli()
		for _, want := range []string{"m0/0", "m0/1", "m0/2", ""} {
			if got, _ := c.pop("T"); got != want {
				t.Fatalf("popped %q, want %q", got, want)
			}
			time.Sleep(11 * time.Second)
			synctest.Wait()
		}
		dead := r.st.stored("%DLQ%CG", 0)
		if len(dead) != 1 || string(dead[0].Body) != "m0" || dead[0].ReconsumeTimes != 3 {
			t.Fatalf("dead letters %+v, want m0, tried thrice", dead)
		}
		if first, _ := record.Property(dead[0].Properties, "1ST_POP_TIME"); first != itoa(began) {
			t.Errorf("popped first at %s, want %d", first, began)
		}
		if !strings.HasPrefix(dead[0].Properties, "TAGS\x01TagA\x02") {
			t.Errorf("properties %q", dead[0].Properties)
		}
		for topic, want := range map[string]int64{"T": 1, "%RETRY%CG_T": 2} {
			if at, _ := r.st.Offset("CG", topic, 0); at != want {
				t.Errorf("the group is at %d of %s, want %d", at, topic, want)
			}
		}
		c.nothingComes("after the dead letter")
		if got := r.st.stored("%DLQ%CG", 0); len(got) != 1 {
			t.Errorf("%d dead letters", len(got))
		}
		for _, tt := range []struct{ name, key, sum string }{
			{"GROUP_GET_NUMS", "T@CG", `"sum":1,`}, {"GROUP_GET_NUMS", "%RETRY%CG_T@CG", `"sum":2,`},
			{"TOPIC_PUT_NUMS", "%RETRY%CG_T", `"sum":2,`}, {"TOPIC_PUT_NUMS", "%DLQ%CG", `"sum":1,`},
		} {
			resp := c.call(remoting.ReqViewBrokerStatsData, "", "statsName", tt.name, "statsKey", tt.key)
			if _, day, _ := strings.Cut(string(resp.Body), "statsDay"); !strings.Contains(day, tt.sum) {
				t.Errorf("%s of %s: %s, want %s in a day", tt.name, tt.key, resp.Body, tt.sum)
			}
		}
	})
}

// TestADiskThatTakesNothingIsTriedNowAndThen: what cannot be stored once more costs no
// more for being much.
func TestADiskThatTakesNothingIsTriedNowAndThen(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		const messages = 960
		c.sent("m", messages)
		for range messages / 32 {
			_, _ = c.pop("T", "invisibleTime", "1000")
		}
		r.st.mu.Lock()
		r.st.putErr = store.ErrDiskFull
		before := r.st.gets
		r.st.mu.Unlock()
		time.Sleep(100 * time.Second)
		synctest.Wait()
		r.st.mu.Lock()
		tries := r.st.gets - before
		r.st.putErr = nil
		r.st.mu.Unlock()
		if tries > 200 {
			t.Errorf("%d messages were tried %d times in 100 s", messages, tries)
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if got := len(r.st.stored("%RETRY%CG_T", 0)); got != messages {
			t.Errorf("%d of %d came again once the disk took something", got, messages)
		}
	})
}
