package broker

import (
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// TestPopsAreFiltered: what a filter does not let through is done with; what it does
// comes again by the same filter. A message that it does not want wakes no pop.
func TestPopsAreFiltered(t *testing.T) {
	for name, by := range map[string][]string{
		"tags": {"expType", "TAG", "exp", "A||C"}, "SQL92": {"expType", "SQL92", "exp", "n IN ('1', '3')"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				r.topic("T", 1)
				c := r.client()
				put := func(tag, n string) {
					t.Helper()
					c.expect(c.call(remoting.ReqSendMessageV2, "m"+n, sendFields("T", "i", "TAGS\x01"+tag+"\x02n\x01"+n+"\x02")...), remoting.RespSuccess, "")
				}
				put("A", "1")
				put("B", "2")
				got, _ := c.pop("T", by...)
				if got != "m1/0" {
					t.Fatalf("popped %q", got)
				}
				waits := c.begin(remoting.ReqPopMessage, "", popFieldsOf("T", append([]string{"pollTime", "5000"}, by...)...)...)
				if !pending(waits) {
					t.Fatal("a pop of nothing was answered")
				}
				put("B", "2")
				if !pending(waits) {
					t.Fatal("what it does not want has answered a pop")
				}
				put("C", "3")
				got, acks := popped(t, <-waits)
				if got != "m3/0" {
					t.Fatalf("a held pop has %q", got)
				}
				c.acks(acks...)
				time.Sleep(11 * time.Second)
				if got, acks = c.pop("T", by...); got != "m1/1" {
					t.Fatalf("again comes %q", got)
				}
				c.acks(acks...)
				if at, _ := r.st.Offset("CG", "T", 0); at != 4 {
					t.Errorf("the group is at %d, want 4: what is not wanted is done with", at)
				}
				c.nothingComes("in the end")
			})
		})
	}
}
