package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/daemon/flight"
	"pairmq/internal/remoting"
)

// TestARunningBrokerTellsWhatWasLast asks a process, that was killed and began again.
func TestARunningBrokerTellsWhatWasLast(t *testing.T) {
	d, root := newDaemon(t), theirs(t)
	d.settings = append(d.settings, "storePathRootDir="+root, "logLevel=error")
	start := func() func() {
		cmd, said := d.process()
		cmd.Env = append(cmd.Env, "RUNTIME_DIRECTORY="+root+":/nonexistent")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it tells of its registration", func() bool {
			r := d.call(d.broker, &remoting.Command{Code: remoting.ReqGetRecent})
			return strings.Contains(string(r.Body), `msg=registered`)
		})
		return func() {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			if said.String() != "" {
				t.Errorf("with logLevel=error it logs\n%s", said)
			}
		}
	}
	kill := start()
	kill()
	kill = start()
	defer kill()
	r := d.call(d.broker, &remoting.Command{Code: remoting.ReqGetRecent})
	var body struct{ Entries []flight.Entry }
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	begins := 0
	for _, e := range body.Entries {
		if e.Message == "pairmqd begins" {
			begins++
		}
	}
	if begins != 2 {
		t.Errorf("it tells of %d starts, want 2:\n%s", begins, r.Body)
	}
	newCommandLine(t, d.namesrv).expect(0, "brokerRole=ASYNC_MASTER", "recent")
	if r := d.call(d.broker, &remoting.Command{Code: remoting.ReqGetGoroutines}); r.Code != remoting.RespSuccess || !strings.Contains(string(r.Body), "daemon.goroutines(") {
		t.Errorf("goroutines: %d %q %.200s", r.Code, r.Remark, r.Body)
	}
	if _, err := os.Stat(filepath.Join(root, "recent")); err != nil {
		t.Error(err)
	}
}

// TestANameServerAloneTells what was last, its metrics and what its goroutines do, at its
// own port.
func TestANameServerAloneTells(t *testing.T) {
	names, root := newDaemon(t), theirs(t)
	names.settings = append(names.settings, "enableBroker=false", "storePathRootDir="+root)
	cmd, said := names.process()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	ask := func(code int32) *remoting.Command {
		return names.call(names.namesrv, &remoting.Command{Code: code})
	}
	eventually(t, "it is ready", func() bool { return strings.Contains(said.String(), "name server ready") })
	if r := ask(remoting.ReqGetRecent); r.Code != remoting.RespSuccess || !strings.Contains(string(r.Body), "name server ready") {
		t.Errorf("what was last: %d %q %.300s", r.Code, r.Remark, r.Body)
	}
	s := parsePage(t, ask(remoting.ReqGetMetrics).Body)
	s.expect(t, "name server", map[string]float64{`pairmq_serving{server="namesrv"}`: 1})
	if r := ask(remoting.ReqGetGoroutines); r.Code != remoting.RespSuccess || !strings.Contains(string(r.Body), "daemon.goroutines(") {
		t.Errorf("goroutines: %d %q %.200s", r.Code, r.Remark, r.Body)
	}
	if r := ask(remoting.ReqGetBrokerClusterInfo); r.Code != remoting.RespSuccess {
		t.Errorf("it is a name server no more: %d %q", r.Code, r.Remark)
	}
	cli := newCommandLine(t, names.namesrv)
	cli.expect(0, "name server ready", "recent", "--broker", names.namesrv)
	cli.expect(0, "pairmq_serving", "metrics", "--broker", names.namesrv)
}

func TestOnlyThisMachine(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		want     bool
	}{{"127.0.0.1", "127.0.0.1", true}, {"127.0.0.2", "127.0.0.1", true}, {"::1", "::1", true}, {"::ffff:127.0.0.1", "127.0.0.1", true}, {"192.0.2.7", "192.0.2.7", true}, {"::ffff:192.0.2.7", "192.0.2.7", true},
		{"192.0.2.8", "192.0.2.7", false}, {"2001:db8::1", "::1", false}, {"192.0.2.8", "127.0.0.1", false}} {
		if got := sameMachine(netip.MustParseAddr(tt.from), netip.MustParseAddr(tt.to)); got != tt.want {
			t.Errorf("from %s to %s: %v, want %v", tt.from, tt.to, got, tt.want)
		}
	}
	if sameMachine(netip.Addr{}, netip.Addr{}) {
		t.Error("an address that is not known is this machine's")
	}
}
