package transaction

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store/record"
)

// TestApachesRepeatedHalves: what a master of Apache's has stored once more, without an op
// for what it had, is one transaction for who takes its place: asked for once, and
// delivered once.
func TestApachesRepeatedHalves(t *testing.T) {
	for name, commit := range map[string]bool{"committed": true, "rolled back": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.mustStart()
				again := func(n, checks int) record.Message {
					m := newHalf(n, "")
					m.Properties = record.AppendProperty(m.Properties, propertyChecks, strconv.Itoa(checks))
					return m
				}
				first := r.mustPut(newHalf(1, ""))
				r.mustPut(newHalf(2, ""))
				r.mustPut(again(1, 1))
				other := newHalf(1, "") // another group's may have the same key
				other.Body = []byte("another's")
				other.Properties = record.AppendProperty(record.RemoveProperty(other.Properties, propertyGroup), propertyGroup, "PG2")
				r.mustPut(other)
				newest := r.mustPut(again(1, 2))
				r.mustStop()
				r.mustStart()
				synctest.Wait()
				if err := r.end(newest, commit); err != nil {
					t.Fatal(err)
				}
				if err := r.end(first, !commit); err == nil {
					t.Error("the incarnation before was decided otherwise")
				}
				want := ""
				if commit {
					want = "1"
				}
				for _, when := range []string{"at once", "after a restart"} {
					time.Sleep(31 * time.Second)
					synctest.Wait()
					r.want(when, want)
					asked := map[string]int{}
					for _, c := range r.take() {
						asked[c.Group+" "+c.UniqueKey]++
					}
					if len(asked) != 2 || asked["PG K2"] != 1 || asked["PG2 K1"] != 1 {
						t.Errorf("%s: asked %v, want once for PG K2 and PG2 K1", when, asked)
					}
					r.mustStop()
					if when == "at once" {
						r.mustStart()
					}
				}
			})
		})
	}
}
