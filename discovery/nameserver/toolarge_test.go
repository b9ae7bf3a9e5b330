package nameserver

import (
	"testing"

	"pairmq/internal/remoting"
)

// TestTooLarge: registrations alone may be large.
func TestTooLarge(t *testing.T) {
	s := newServer(t, Options{})
	for _, tt := range []struct {
		code int32
		body int
		want bool
	}{
		{remoting.ReqRegisterBroker, 10 << 20, false}, {0, 10 << 20, false}, {remoting.ReqRegisterTopicInNamesrv, maxBody, false},
		{remoting.ReqRegisterTopicInNamesrv, maxBody + 1, true}, {remoting.ReqQueryDataVersion, 1 << 20, true}, {-1, 1 << 20, true},
	} {
		if got := s.TooLarge(tt.code, tt.body); (got != nil) != tt.want || got != nil && got.Code != remoting.RespSystemError {
			t.Errorf("%d with %d bytes: answered %+v", tt.code, tt.body, got)
		}
	}
}
