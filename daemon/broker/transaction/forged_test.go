package transaction

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"

	"pairmq/store/record"
)

// TestABodyIsNoHalf: bytes in the body of a message that look like a half, at the place in
// the log that they name, are none.
func TestABodyIsNoHalf(t *testing.T) {
	for _, offset := range []int64{1, 1 << 30, math.MaxInt64} {
		bubble(t, func(t *testing.T, r *rig) {
			r.mustStart()
			synctest.Wait()
			r.mustPut(newHalf(0, ""))
			probe := record.Message{Topic: "Plain", BornHost: newHalf(0, "").BornHost, Body: make([]byte, 1000)}
			first := r.mustPut(probe)
			second := r.mustPut(probe)
			at := second.PhyOffset + (second.PhyOffset - first.PhyOffset) + bodyAt
			forged := newHalf(1, "")
			forged.QueueOffset, forged.PhyOffset, forged.StoreHost = offset, at, forged.BornHost
			copy(probe.Body, record.Append(nil, &forged))
			r.mustPut(probe)
			if rec, err := r.st.RecordAt(at); err != nil || len(rec) == 0 {
				t.Fatalf("the bytes lie elsewhere: %v", err)
			}
			for _, commit := range []bool{false, true} {
				if err := r.end(&forged, commit); !errors.Is(err, ErrNoHalf) {
					t.Errorf("queue offset %d, commit %v: %v, want ErrNoHalf", offset, commit, err)
				}
			}
			r.want("then", "")
			r.mustStop()
		})
	}
}

// bodyAt is where the body of a record of IPv4 hosts begins.
const bodyAt = 88

// TestFarOffsets: nothing is at places that no log has.
func TestFarOffsets(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		synctest.Wait()
		half := r.mustPut(newHalf(1, ""))
		for _, far := range []int64{math.MaxInt64, math.MaxInt64 - 90, 1 << 40, -1, math.MinInt64} {
			m := *half
			m.PhyOffset = far
			if err := r.end(&m, true); !errors.Is(err, ErrNoHalf) {
				t.Errorf("offset %d: %v, want ErrNoHalf", far, err)
			}
			m = *half
			m.QueueOffset = far
			if err := r.end(&m, true); !errors.Is(err, ErrOffset) {
				t.Errorf("queue offset %d: %v, want ErrOffset", far, err)
			}
		}
		r.mustStop()
	})
}
