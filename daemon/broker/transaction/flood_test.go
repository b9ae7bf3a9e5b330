package transaction

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestManyGivenUpAreNotManyLines: who begins transactions and ends none does not fill the log.
func TestManyGivenUpAreNotManyLines(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		const halves = 3 * sayAtOnce
		r.opts.CheckMax = 1
		r.mustStart()
		for n := range halves {
			r.mustPut(newHalf(n, ""))
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		lines := strings.Count(r.log.String(), "a transaction is given up")
		if got := len(r.queue(GivenUpTopic, 0)); got != halves || lines < sayAtOnce || lines > sayAtOnce+60 || strings.Contains(r.log.String(), "<nil>") {
			t.Errorf("%d of %d were given up, in %d lines\n%.2000s", got, halves, lines, r.log)
		}
		r.mustStop()
	})
}
