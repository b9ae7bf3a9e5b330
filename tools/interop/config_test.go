package interop

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// TestConfig has mqadmin of both versions change the broker's configuration, read it, and see
// it obeyed; what is out of range, or is not to change while the broker runs, stays.
func TestConfig(t *testing.T) {
	t.Parallel() // it waits more than it works
	tg := startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"})
	if tg.Kind != target.Pairmq {
		t.Skip("Apache's takes any value for any key")
	}
	ctx := within(t, 5*time.Minute)
	w := &world{target: tg, conn: dial(t, tg)}
	w.topic(t, "Sizes", 1)
	const key = "maxMessageSize"
	for version, size := range map[string]int{peers.V4: 70_000, peers.V5: 90_000} {
		t.Run("mqadmin-"+version, func(t *testing.T) {
			dir := workDir(t)
			shell := newAdminShell(t, javaClient(t, dir, version), dir, tg.Namesrv, "run")
			id := 0
			run := func(command string) (out string) {
				t.Helper()
				for range 5 { // a JVM's first request may take longer than it waits for an answer
					id++
					if out = shell.run(t, id, strings.Fields(command), time.Minute); !strings.Contains(out, "RemotingTimeoutException") {
						break
					}
				}
				return out
			}
			set := func(key, value string) string {
				t.Helper()
				return run(fmt.Sprintf("updateBrokerConfig -b %s -k %s -v %s", tg.Broker, key, value))
			}
			shown := func() string {
				t.Helper()
				_, table, _ := strings.Cut(run("getBrokerConfig -b "+tg.Broker), "====") // behind what the tool logs
				return table
			}
			obeyed := func() {
				t.Helper()
				if want := fmt.Sprintf(`(?m)^%s\s*=\s*%d\s*$`, key, size); !regexp.MustCompile(want).MatchString(shown()) {
					t.Errorf("nothing matches %q in:\n%s", want, shown())
				}
				for body, code := range map[int]int{size: wire.Success, size + 1: wire.MessageIllegal} {
					if got := answer(ctx, t, tg, wire.SendRequest(wire.Message{Topic: "Sizes", Body: make([]byte, body)})); got != code {
						t.Errorf("a body of %d bytes is answered by %d, want %d", body, got, code)
					}
				}
			}
			if out := set(key, fmt.Sprint(size)); !strings.Contains(out, "update broker config success") || complaint.MatchString(out) {
				t.Fatalf("it prints\n%s", out)
			}
			obeyed()
			before := shown()
			for _, wrong := range [][2]string{{key, "-1"}, {key, "0"}, {key, "99999999999"}, {key, "large"}, {"brokerName", "other"}, {"storePathRootDir", "/tmp"}, {"noSuchKey", "1"}} {
				if out := set(wrong[0], wrong[1]); !complaint.MatchString(out) {
					t.Errorf("%s=%s is not refused:\n%s", wrong[0], wrong[1], out)
				}
			}
			if after := shown(); after != before {
				t.Errorf("what was refused has changed\n%s\nto\n%s", before, after)
			}
			obeyed()
		})
	}
}
