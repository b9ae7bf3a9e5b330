package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

// TestTheDoctorLooksAtADaemon that runs, and is well; and at its folder when it is gone.
func TestTheDoctorLooksAtADaemon(t *testing.T) {
	d, root := newDaemon(t), theirs(t)
	d.settings = append(d.settings, "storePathRootDir="+root)
	conf := filepath.Join(t.TempDir(), "pairmqd.conf")
	if err := os.WriteFile(conf, []byte(strings.Join(d.settings, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, said := d.process()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.send("Greetings", "hello")
	d.routed("Greetings")
	ctl := newCommandLine(t, d.namesrv)
	code, out := ctl.run("doctor", "-c", conf)
	for _, want := range []string{"folder: " + root + ": a daemon runs there", "listenPort answers", "listenPort - 2 answers", "haListenPort answers", "namesrvListenPort answers",
		"daemon: ASYNC_MASTER of under-test under epoch 1", "it answers, and knows under-test at " + d.broker} {
		if !strings.Contains(out, "ok       ") || !strings.Contains(out, want) {
			t.Errorf("exit code %d; it does not say %q:\n%s", code, want, out)
		}
	}
	for line := range strings.Lines(out) { // the machine of the tests may have its ailments
		if strings.HasPrefix(line, "WRONG") && !strings.HasPrefix(line, "WRONG    mount") && !strings.HasPrefix(line, "WRONG    room") {
			t.Error(line)
		}
	}
	if r := d.call(d.broker, &remoting.Command{Code: remoting.ReqGetBrokerRuntimeInfo}); r.Code != remoting.RespSuccess {
		t.Errorf("the daemon answers %d", r.Code)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	forbid(t, filepath.Join(root, "meta.db"))
	code, out = ctl.run("doctor", "-c", conf, "--json")
	if !strings.Contains(out, `"name":"daemon","verdict":"warning"`) || !strings.Contains(out, "haListenPort is free") {
		t.Errorf("of a daemon that is gone, exit code %d:\n%s; it said\n%s", code, out, said)
	}
	if os.Geteuid() == 0 && (code != 1 || !strings.Contains(out, "1 files do not belong to uid")) {
		t.Errorf("of a file of another user, exit code %d:\n%s", code, out)
	}
}
