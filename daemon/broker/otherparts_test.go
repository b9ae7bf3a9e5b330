package broker

import (
	"testing"

	"pairmq/internal/remoting"
)

// TestOtherParts: what mqadmin of 5.x asks about what is not here.
func TestOtherParts(t *testing.T) {
	const ok, bad, failed = remoting.RespSuccess, remoting.RespInvalidParameter, remoting.RespSystemError
	type request struct {
		code   int32
		body   string
		fields []string
	}
	engine := func(e string) request { return request{remoting.ReqSwitchTimerEngine, "", []string{"E_T", e}} }
	readAhead := func(mode string) request {
		return request{remoting.ReqSetCommitlogReadMode, "", []string{"READ_AHEAD_MODE", mode}}
	}
	reset := request{remoting.ReqResetMasterFlushOffset, "", []string{"masterFlushOffset", "0"}}
	for _, tt := range []struct {
		name   string
		change func(*Options, *fakeStore)
		asks   request
		code   int32
		answer string // the body, or in the remark
	}{
		{"timers where they are", nil, engine("F"), ok, ""},
		{"timers in RocksDB", nil, engine("R"), bad, `E_T can be F alone`},
		{"timers elsewhere", nil, engine("x"), bad, `E_T can be F alone`},
		{"timers nowhere", nil, request{code: remoting.ReqSwitchTimerEngine}, bad, `E_T can be F alone`},
		{"timers of a broker without", func(o *Options, _ *fakeStore) { o.NoTimers = true }, engine("F"), failed, "timerWheelEnable"},
		{"read-ahead as it is", nil, readAhead("0"), ok, "mode: 0"},
		{"no read-ahead", nil, readAhead("1"), bad, `can be 0 alone`},
		{"a mode", nil, readAhead("2"), bad, `can be 0 alone`},
		{"no mode", nil, request{code: remoting.ReqSetCommitlogReadMode}, bad, `can be 0 alone`},
		{"a master's master", nil, reset, ok, ""},
		{"a slave's master", func(o *Options, _ *fakeStore) { o.ID = 1 }, reset, bad, "from its master"},
		{"cold data", nil, request{code: remoting.ReqGetColdDataFlowCtrInfo}, ok, `{"runtimeTable":{},"configTable":{},"globalAcc":0}`},
		{"a threshold less", nil, request{remoting.ReqRemoveColdDataFlowCtrConfig, "CG", nil}, ok, ""},
		{"a threshold more", nil, request{remoting.ReqUpdateColdDataFlowCtrConfig, "CG=1", nil}, remoting.RespRequestCodeNotSupported, "not supported"},
		{"what was popped", nil, request{code: remoting.ReqPopRollback}, ok, ""},
		{"consume queues", nil, request{remoting.ReqCheckRocksdbCQWriteProgress, "", []string{"topic", "T", "checkStoreTime", "0"}}, ok, `{"checkResult":"there is nothing to compare","checkStatus":0}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, tt.change, func(t *testing.T, r *rig) {
				c := r.client()
				resp := c.call(tt.asks.code, tt.asks.body, tt.asks.fields...)
				if len(resp.Body) > 0 {
					if resp.Code != tt.code || string(resp.Body) != tt.answer {
						t.Errorf("answered %d with %s, want %d and %s", resp.Code, resp.Body, tt.code, tt.answer)
					}
					return
				}
				c.expect(resp, tt.code, tt.answer)
			})
		})
	}
}
