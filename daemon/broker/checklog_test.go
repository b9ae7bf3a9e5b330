package broker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/folder"
)

func TestCheckLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failure error
		c := newRig(t, func(o *Options, _ *fakeStore) {
			o.Check = func(_ context.Context, start int64) (folder.Checked, error) {
				return folder.Checked{Start: start, Next: start + 10, End: 100, Findings: []folder.Finding{}}, failure
			}
		}).client()
		if got := c.call(remoting.ReqCheckLog, "", "start", "7"); got.Code != 0 || string(got.Body) != `{"start":7,"next":17,"end":100,"records":0,"findings":[]}` {
			t.Errorf("it answers %d %s", got.Code, got.Body)
		}
		for _, fields := range [][]string{nil, {"start", "x"}, {"start", "-1"}} {
			if got := c.call(remoting.ReqCheckLog, "", fields...); got.Code == 0 || got.Remark == "" {
				t.Errorf("%q: %d %q", fields, got.Code, got.Remark)
			}
		}
		failure = fmt.Errorf("%w: byte 7, the log has 10 to 20", store.ErrNotFound)
		c.expect(c.call(remoting.ReqCheckLog, "", "start", "7"), remoting.RespPullOffsetMoved, "10 to 20")
		failure = errors.New("/var/lib is broken")
		c.expect(c.call(remoting.ReqCheckLog, "", "start", "7"), remoting.RespSystemError, "its log says why")
		c = newRig(t, nil).client()
		c.expect(c.call(remoting.ReqCheckLog, "", "start", "0"), remoting.RespRequestCodeNotSupported, "CHECK_LOG")
	})
}
