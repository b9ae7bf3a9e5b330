package main

import (
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

func TestRecent(t *testing.T) {
	f := startFake(t)
	args := []string{"recent", "--broker", f.addr}
	f.refuse[remoting.ReqGetRecent] = remoting.RespRequestCodeNotSupported
	f.run(t, "", args...).check(t, args, exitFailed, "", "this version of the broker does not have it")
	delete(f.refuse, remoting.ReqGetRecent)

	f.recent = `{"now":"2026-01-02T03:04:05Z","version":"7","entries":[
		{"time":"2026-01-01T00:00:00Z","level":"INFO","message":"master","text":"msg=master epoch=1","count":1,"earlier":true},
		{"time":"2026-01-02T00:00:00Z","level":"WARN","message":"slave left","text":"msg=\"slave left\u001b[2J\"","count":3,"last":"2026-01-02T00:01:00Z"}]}`
	want := f.addr + `, version 7, its clock shows 2026-01-02T03:04:05.000Z
TIME                      LEVEL  LINE
2026-01-01T00:00:00.000Z  INFO   msg=master epoch=1 (before the last start)
2026-01-02T00:00:00.000Z  WARN   msg="slave left'\x1b'[2J" (3 times, until 2026-01-02T00:01:00.000Z)
`
	for _, args := range [][]string{args, {"recent"}} { // one broker, or those that the name server knows
		f.run(t, "", args...).check(t, args, exitOK, want, "")
	}
	if o := f.run(t, "", "recent", "--json"); o.code != exitOK || !strings.HasPrefix(o.out, `[{"addr":"`+f.addr+`","now":"2026-01-02T03:04:05Z"`) {
		t.Errorf("--json exits with %d and writes %s", o.code, o.out)
	}
	f.recent = "["
	f.run(t, "", args...).check(t, args, exitFailed, "", "what it has recorded")
}
