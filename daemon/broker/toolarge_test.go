package broker

import (
	"strings"
	"testing"
	"testing/synctest"

	"pairmq/internal/remoting"
)

// TestTooLarge: what would be refused for its size is, before it comes, by the same words
// and codes; and nothing else is.
func TestTooLarge(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		for _, tt := range []struct {
			code   int32
			most   int
			fields []string
		}{
			{remoting.ReqHeartBeat, 1 << 20, nil}, {remoting.ReqLockBatchMQ, 1 << 20, nil}, {remoting.ReqBatchAckMessage, 1 << 20, nil},
			{remoting.ReqUpdateAndCreateTopicList, 1 << 20, nil}, {remoting.ReqCheckClientConfig, 1 << 20, nil},
			{remoting.ReqSendMessageV2, 4 << 20, sendFields("T")}, {remoting.ReqSendBatchMessage, 4 << 20, sendFields("T")}, {remoting.ReqSendReplyMessageV2, 4 << 20, sendFields("T")},
		} {
			name := remoting.RequestName(tt.code)
			if got := r.b.TooLarge(tt.code, tt.most); got != nil {
				t.Errorf("%s: %d bytes are answered %+v before they come", name, tt.most, got)
			}
			early := r.b.TooLarge(tt.code, tt.most+1)
			synctest.Wait() // for the last one to be written off: what a client may have waiting is 4 MiB
			late := c.call(tt.code, strings.Repeat(" ", tt.most+1), tt.fields...)
			if early == nil || early.Code != late.Code || early.Remark != late.Remark {
				t.Errorf("%s: %d bytes are answered %+v before they come, and %d %q once they are there", name, tt.most+1, early, late.Code, late.Remark)
			}
		}
		if r.b.TooLarge(0, 4<<20) != nil || r.b.TooLarge(0, 4<<20+1) == nil {
			t.Error("of a code that is not known there may be 4 MiB, as of messages")
		}
		s := *r.b.settings()
		s.MaxMessageSize = 5 << 20
		r.b.Set(s)
		if got := r.b.TooLarge(remoting.ReqSendMessage, 5<<20); got != nil {
			t.Errorf("a message as large as may be by now is answered %+v", got)
		}
	})
}
