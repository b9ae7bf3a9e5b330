package broker

import (
	"errors"
	"fmt"
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
)

func TestEveryErrorHasItsReason(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{refuse(remoting.RespTopicNotExist, "no such topic"), "request"},
		{record.ErrTooLong, "request"},
		{store.ErrNotFound, "request"},
		{store.ErrDiskFull, "disk_full"},
		{store.ErrQuota, "topic_quota"},
		{store.ErrBusy, "disk_slow"},
		{fmt.Errorf("%w: %w", store.ErrFailed, errors.New("I/O error")), "disk_failed"},
		{index.ErrFailed, "disk_failed"},
		{store.ErrReadOnly, "read_only"},
		{store.ErrFlushTimeout, "flush_timeout"},
		{store.ErrSlaveTimeout, "slave_timeout"},
		{store.ErrNoSlave, "no_slave"},
		{errors.New("what nobody thought of"), "other"},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		if got := reasonOf(tt.err).String(); got != tt.want {
			t.Errorf("the reason of %q is %s, want %s", tt.err, got, tt.want)
		}
		seen[tt.want] = true
	}
	for r := range reasons {
		if !seen[r.String()] {
			t.Errorf("no error has the reason %s", r)
		}
	}
}

// TestWhatIsRefusedIsCounted sends what is refused at once, and what the store
// accepts and gives up on.
func TestWhatIsRefusedIsCounted(t *testing.T) {
	for _, tt := range []struct {
		put, done error
		want      string
	}{
		{store.ErrQuota, nil, "topic_quota"},
		{nil, store.ErrSlaveTimeout, "slave_timeout"},
		{nil, nil, ""},
	} {
		bubble(t, nil, func(t *testing.T, r *rig) {
			r.topic("T", 4)
			r.st.putErr, r.st.doneErr = tt.put, tt.done
			r.client().send("T", "", "b")
			for why, n := range r.b.Load().Refused {
				if want := int64(b2i(why == tt.want)); n != want {
					t.Errorf("put %v, done %v: %d requests were refused for %s, want %d", tt.put, tt.done, n, why, want)
				}
			}
		})
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
