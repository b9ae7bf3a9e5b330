package transaction

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store"
	"pairmq/store/record"
)

// apart stores halves that have ended, so that those before and behind are not looked at
// together.
func (r *rig) apart() {
	r.t.Helper()
	for n := range batch + 1 {
		if err := r.end(r.mustPut(newHalf(100+n, "")), false); err != nil {
			r.t.Fatal(err)
		}
	}
}

// TestPropertiesThatFillARecord: a half that has no room for the number of its checks is
// asked for, and holds up no other one.
func TestPropertiesThatFillARecord(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		synctest.Wait()
		full := newHalf(1, "")
		full.Properties = "X\x01" + strings.Repeat("x", record.MaxProperties-len(full.Properties)-40) + "\x02" + full.Properties
		r.mustPut(full)
		r.apart()
		r.mustPut(newHalf(2, ""))
		time.Sleep(3 * 31 * time.Second)
		synctest.Wait()
		asked := map[string]int{}
		for _, c := range r.take() {
			asked[c.UniqueKey]++
			if c.UniqueKey == "K1" && asked["K1"] == 2 {
				if err := r.end(&c.Half, true); err != nil {
					t.Error(err)
				}
			}
		}
		if asked["K1"] < 2 || asked["K2"] < 2 {
			t.Errorf("asked %v times, want each twice or more\n%s", asked, r.log)
		}
		r.want("then", "1")
		r.mustStop()
	})
}

// TestATopicAtItsQuota: where halves that are given up have no room any more, they stay, and
// the others are asked for.
func TestATopicAtItsQuota(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.opts.CheckMax = 2
		r.change = func(o *store.Options) {
			o.Quota = func(topic string) int64 {
				if topic == GivenUpTopic {
					return 2 * segment
				}
				return 0
			}
		}
		r.mustStart()
		synctest.Wait()
		filler := record.Message{Topic: GivenUpTopic, BornHost: newHalf(0, "").BornHost, Body: make([]byte, 1000)}
		for {
			if _, err := r.put(filler); err != nil {
				break
			}
			filler.Body = make([]byte, 100)
		}
		first := r.mustPut(newHalf(1, ""))
		time.Sleep(3 * 31 * time.Second)
		r.take()
		r.apart()
		r.mustPut(newHalf(2, ""))
		time.Sleep(2 * 31 * time.Second)
		synctest.Wait()
		if n := len(r.take()); n != 2 {
			t.Errorf("asked %d times for the other half, want 2\n%s", n, r.log)
		}
		if strings.Contains(r.log.String(), "given up") {
			t.Errorf("%s", r.log)
		}
		if err := r.end(first, true); err != nil {
			t.Errorf("the first half, which is still open: %v", err)
		}
		r.want("then", "1")
		r.mustStop()
	})
}
