package transaction

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store/record"
)

// resume has what was given up be open again, and waits for the answer.
func (r *rig) resume(at int64) error {
	done := make(chan error, 1)
	if err := r.c.Resume(at, func(err error) { done <- err }); err != nil {
		return err
	}
	return <-done
}

// TestResume: a half that nobody decided is given up, and asked for again when an operator
// wants it, as often as any other; once, although he asks twice, after a restart too.
func TestResume(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.opts.CheckMax = 2
		r.mustStart()
		synctest.Wait()
		first, other := r.mustPut(newHalf(1, "")), r.mustPut(newHalf(2, ""))
		time.Sleep(4 * 30 * time.Second)
		synctest.Wait()
		r.take()
		gone := r.queue(GivenUpTopic, 0)
		if len(gone) != 2 {
			t.Fatalf("%d halves are given up", len(gone))
		}
		if err := r.end(first, true); !errors.Is(err, ErrEnded) {
			t.Errorf("a half that was given up is decided: %v", err)
		}
		for at, want := range map[int64]error{first.PhyOffset: ErrNoHalf, gone[0].PhyOffset + 1: ErrNoHalf, 1 << 40: ErrNoHalf, -1: ErrNoHalf} {
			if err := r.resume(at); !errors.Is(err, want) {
				t.Errorf("resumed what lies at %d: %v, want %v", at, err, want)
			}
		}
		end := r.st.MaxOffset(HalfTopic, 0)
		if err := r.resume(gone[0].PhyOffset); err != nil {
			t.Fatal(err)
		}
		if now := r.st.MaxOffset(HalfTopic, 0); now != end+1 {
			t.Fatalf("%d halves are stored", now-end)
		}
		synctest.Wait()
		if err := r.resume(gone[0].PhyOffset); !errors.Is(err, ErrEnded) {
			t.Errorf("resumed twice: %v", err)
		}
		time.Sleep(40 * time.Second)
		synctest.Wait()
		asked := r.take()
		if len(asked) != 1 || asked[0].UniqueKey != "K1" || asked[0].Topic != "T" || asked[0].QueueID != 1 {
			t.Fatalf("asked %+v", asked)
		}
		if checks, _ := record.Property(asked[0].Half.Properties, propertyChecks); checks != "1" {
			t.Errorf("asked with %s of the checks", checks)
		}
		r.mustStop()

		r.mustStart()
		time.Sleep(40 * time.Second)
		synctest.Wait()
		asked = r.take()
		if len(asked) != 1 || asked[0].UniqueKey != "K1" {
			t.Fatalf("after a restart: asked %+v", asked)
		}
		if err := r.end(&asked[0].Half, true); err != nil {
			t.Fatal(err)
		}
		r.want("after the decision", "1")
		if err := r.resume(gone[0].PhyOffset); !errors.Is(err, ErrEnded) {
			t.Errorf("resumed although it is delivered: %v", err)
		}
		if err := r.resume(gone[1].PhyOffset); err != nil {
			t.Error(err)
		}
		all := r.queue(HalfTopic, 0)
		if m := all[len(all)-1]; m.PhyOffset <= other.PhyOffset {
			t.Errorf("the other one is not resumed: %+v", m)
		} else if err := r.end(&m, false); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		r.want("in the end", "1")
		if n := len(r.take()); n != 0 {
			t.Errorf("asked %d times for what is decided", n)
		}
		r.mustStop()
	})
}

// TestResumeTwiceAtOnce: who asks again before the first answer has no second half stored,
// and may ask again when the first could not be stored.
func TestResumeTwiceAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.opts.CheckMax = 1
		r.mustStart()
		synctest.Wait()
		r.mustPut(newHalf(1, ""))
		time.Sleep(3 * 30 * time.Second)
		synctest.Wait()
		gone := r.queue(GivenUpTopic, 0)
		if len(gone) != 1 {
			t.Fatalf("%d halves are given up", len(gone))
		}
		end := r.st.MaxOffset(HalfTopic, 0)
		results := make(chan error, 2)
		for range 2 {
			if err := r.c.Resume(gone[0].PhyOffset, func(err error) { results <- err }); err != nil {
				results <- err
			}
		}
		if a, b := <-results, <-results; errors.Is(a, ErrBusy) == errors.Is(b, ErrBusy) {
			t.Errorf("asked twice at once: %v and %v, want one ErrBusy", a, b)
		}
		if n := r.st.MaxOffset(HalfTopic, 0) - end; n != 1 {
			t.Errorf("%d halves are stored", n)
		}
		if err := r.resume(gone[0].PhyOffset); !errors.Is(err, ErrEnded) {
			t.Errorf("resumed twice: %v", err)
		}
		r.mustStop()
	})
}
