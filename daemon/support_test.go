package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

// unpack reads a bundle.
func unpack(t *testing.T, file string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(h.Name, "/")
		all[path.Clean(name)] = string(text)
	}
}

// TestASupportBundle of a daemon that runs, and of one whose configuration it refuses:
// neither a message nor a secret gets in.
func TestASupportBundle(t *testing.T) {
	d, root, dir := newDaemon(t), theirs(t), t.TempDir()
	d.settings = append(d.settings, "storePathRootDir="+root)
	conf := filepath.Join(dir, "pairmqd.conf")
	if err := os.WriteFile(conf, []byte(strings.Join(d.settings, "\n")+"\n# aclPassword=hunter2 and more of hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, _ := d.process()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	for range 20 {
		if r := d.send("Greetings", "a body that nobody shall see"); r.Code != remoting.RespSuccess {
			t.Fatalf("a send is answered %d %q", r.Code, r.Remark)
		}
	}
	d.pull("Greetings", 0)
	d.routed("Greetings")
	ctl := newCommandLine(t, d.namesrv)
	clean := func(all map[string]string) {
		t.Helper()
		for name, text := range all {
			for _, secret := range []string{"nobody shall see", "hunter2"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s has %q", name, secret)
				}
			}
		}
	}
	out := filepath.Join(dir, "one.tar.gz")
	ctl.expect(0, "look into it before you give it away", "support-bundle", "-c", conf, "-o", out)
	all := unpack(t, out)
	clean(all)
	for name, want := range map[string]string{
		"config/pairmqd.conf": "# aclPassword=REDACTED\n", "doctor.json": "listenPort answers", "status.json": `"brokerRole": "ASYNC_MASTER"`, "recent.json": "msg=registered",
		"goroutines.txt": "goroutine ", "running-config.txt": "brokerName=under-test", "folder.txt": "commitlog/00000000000000000000", "machine/proc-meminfo": "MemTotal", "version.txt": "pairmq ",
	} {
		if !strings.Contains(all[name], want) {
			t.Errorf("%s is %.300q, want it to have %q", name, all[name], want)
		}
	}
	ctl.expect(2, "is there already", "support-bundle", "-c", conf, "-o", out)

	// An unknown key whose name says what it is, in a file that the daemon refuses.
	if err := os.Mkdir(filepath.Join(dir, "conf.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "conf.d", "acl.conf"), []byte("secretKey=hunter2\nsecretKey hunter2\nlistenPort=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out = filepath.Join(dir, "two.tar.gz")
	ctl.expect(0, "", "support-bundle", "-c", conf, "-o", out)
	all = unpack(t, out)
	clean(all)
	if !strings.Contains(all["config/acl.conf"], "secretKey=REDACTED\n") || !strings.Contains(all["missing.txt"], "the configuration's values") {
		t.Errorf("it has %q and %q", all["config/acl.conf"], all["missing.txt"])
	}
	var names []string
	for name := range all {
		names = append(names, name)
	}
	if !slices.Contains(names, "doctor.json") || !strings.Contains(all["doctor.json"], `"verdict": "wrong"`) {
		t.Errorf("it has %v", names)
	}
}
