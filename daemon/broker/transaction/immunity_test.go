package transaction

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestALongImmunity: who asks for more time than halves are kept has no more than that.
func TestALongImmunity(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.opts.Reserved = time.Hour
		r.mustStart()
		synctest.Wait()
		r.mustPut(newHalf(1, "\x02CHECK_IMMUNITY_TIME_IN_SECONDS\x013153600000"))
		time.Sleep(59 * time.Minute)
		if n := len(r.queue(GivenUpTopic, 0)); n != 0 {
			t.Error("given up too early")
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := len(r.queue(GivenUpTopic, 0)); n != 1 {
			t.Errorf("%d halves are given up, want 1", n)
		}
		r.mustStop()
	})
}
