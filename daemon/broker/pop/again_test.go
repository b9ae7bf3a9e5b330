package pop

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store/record"
)

// TestPropertiesWithoutRoomComeAgain: what a message gets when it comes again does not
// keep it from coming.
func TestPropertiesWithoutRoomComeAgain(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		m := record.Message{Topic: "T", Body: []byte("m0"), Properties: "KEYS\x01" + strings.Repeat("k", record.MaxProperties-40)}
		done := make(chan error, 1)
		if err := r.st.Put([]record.Message{m}, func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got, err := r.pop(1); err != nil || len(got) != 1 {
			t.Fatalf("popped %v, %v", got, err)
		}
		time.Sleep(12 * time.Second)
		synctest.Wait()
		got, err := r.pop(1)
		if err != nil || len(got) != 1 || got[0].body != "m0" || got[0].again != 1 {
			t.Fatalf("popped %v, %v; the log says %s", got, err, r.log)
		}
		r.mustStop()
	})
}
