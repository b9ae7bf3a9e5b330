package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pairmq/daemon/config"
	"pairmq/hal/sandbox"
)

// neverConfined is for daemons that end before they have a sandbox.
func neverConfined(t *testing.T) confiner {
	return func(r sandbox.Rules) (sandbox.State, error) {
		t.Errorf("confined to %v, want no sandbox", r)
		return sandbox.State{}, sandbox.ErrNone
	}
}

// unconfined is for daemons in the process of the tests, which need what they would give up.
func unconfined(sandbox.Rules) (sandbox.State, error) { return sandbox.State{}, sandbox.ErrNone }

// tree makes folders, files with text "", and symbolic links "->TARGET", and returns the root
// of them without links of its own.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if to, link := strings.CutPrefix(text, "->"); link && err == nil {
			err = os.Symlink(strings.Replace(to, "ROOT", root, 1), path)
		} else if strings.HasSuffix(name, "/") && err == nil {
			err = os.MkdirAll(path, 0o700)
		} else if err == nil {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestWhatTheDaemonKeepsForItself(t *testing.T) {
	root := tree(t, map[string]string{
		"conf/pairmqd.conf":          "",
		"conf/conf.d/a.conf":         "->../../shared/a.conf",
		"shared/a.conf":              "",
		"live/gw/cert.pem":           "->../../archive/gw/cert7.pem", // as certbot has them
		"archive/gw/cert7.pem":       "",
		"k8s/tls.key":                "->..data/tls.key", // and as kubelet
		"k8s/..data":                 "->..2026_11",
		"k8s/..2026_11/tls.key":      "",
		"store/meta.db":              "",
		"store/quarantine":           "->ROOT/disk2/aside",
		"disk2/aside/":               "",
		"run/":                       "",
		"sys/devices/platform/leds/": "",
		"sys/devices/platform/leds/green:status/brightness": "",
		"sys/class/leds/green:status":                       "->../../devices/platform/leds/green:status",
	})
	cfg, _, err := config.Load("", []string{
		"enableNamesrv=true", "namesrvListenPort=7001", "listenPort=7011", "metricsListen=127.0.0.1:7099",
		"storePathRootDir=" + root + "/store", "tlsServerMode=permissive", "tlsServerCertPath=" + root + "/live/gw/cert.pem", "tlsServerKeyPath=" + root + "/k8s/tls.key",
		"metricsTextfile=" + root + "/run/not/yet/x.prom", "watchdogDevice=/dev/watchdog9", "supplyFail=file:" + root + "/gpio/value=1",
		"ledOk=green:status:on", "ledFault=red:status:timer",
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := sandboxRules(&cfg, root+"/conf/pairmqd.conf", root+"/runtime", root+"/sys")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(r.Read)
	var read []string
	for _, p := range slices.Compact(r.Read) {
		if rest, ours := strings.CutPrefix(p, root); ours {
			read = append(read, rest)
		}
	}
	want := []string{"/archive/gw", "/conf", "/conf/conf.d", "/gpio", "/k8s", "/k8s/..2026_11", "/k8s/..data", "/live/gw", "/shared", "/sys"}
	slices.Sort(read)
	for _, p := range want {
		if !slices.Contains(read, p) {
			t.Errorf("reads %v, not %s", read, p)
		}
	}
	for _, p := range []string{"/proc", "/etc", "/run"} {
		if !slices.Contains(r.Read, p) {
			t.Errorf("does not read %s", p)
		}
	}
	for _, p := range []string{"", "/store", "/disk2", "/live", "/archive"} {
		if slices.Contains(read, p) {
			t.Errorf("reads all of the folder %q", p)
		}
	}
	if want := []string{root + "/store", root + "/disk2/aside", root + "/run", root + "/runtime"}; !reflect.DeepEqual(r.Write, want) {
		t.Errorf("writes in %v, want %v", r.Write, want)
	}
	if want := []string{"/dev/watchdog9", root + "/sys/devices/platform/leds/green:status", root + "/sys/devices"}; !reflect.DeepEqual(r.Files, want) {
		t.Errorf("writes to %v, want %v", r.Files, want)
	}
	slices.Sort(r.Ports)
	if want := []int{7001, 7009, 7011, 7012, 7099}; !reflect.DeepEqual(r.Ports, want) {
		t.Errorf("listens at %v, want %v", r.Ports, want)
	}
}

func TestATextfileBelowNothingOpensNoRoot(t *testing.T) {
	cfg := config.Default()
	cfg.MetricsTextfile = "/not-there-at-all/x.prom"
	r, err := sandboxRules(&cfg, "", "", "/sys")
	if err != nil || slices.Contains(r.Write, "/") {
		t.Errorf("writes in %v, %v", r.Write, err)
	}
}

func TestWhatIsSaidOfTheSandbox(t *testing.T) {
	for _, tt := range []struct {
		name  string
		key   string
		state sandbox.State
		err   error
		holds string
		log   string
	}{
		{"files and ports", "auto", sandbox.State{ABI: 4}, nil, "landlock 4: files and ports", "INFO"},
		{"files alone", "auto", sandbox.State{ABI: 3}, nil, "landlock 3: files", "INFO"},
		{"an old kernel", "auto", sandbox.State{}, fmt.Errorf("%w: old", sandbox.ErrNone), "none: no landlock: old", "INFO"},
		{"a failure", "auto", sandbox.State{}, errors.New("broken"), "none: broken", "WARN"},
		{"switched off", "off", sandbox.State{}, errors.New("must not be asked"), "none: sandbox=off", "INFO"},
	} {
		cfg := config.Default()
		cfg.StoreRoot, cfg.Sandbox = filepath.Join(t.TempDir(), "store"), tt.key
		asked := 0
		var said bytes.Buffer
		holds, err := confine(&cfg, "", func(r sandbox.Rules) (sandbox.State, error) {
			asked++
			if _, err := os.Stat(cfg.StoreRoot); err != nil || !slices.Contains(r.Write, cfg.StoreRoot) {
				t.Errorf("%s: the store's folder is not there (%v), or not among %v", tt.name, err, r.Write)
			}
			return tt.state, tt.err
		}, slog.New(slog.NewTextHandler(&said, nil)))
		if holds != tt.holds || err != nil || (asked == 1) != (tt.key == "auto") {
			t.Errorf("%s: %q, %v, asked %d times, want %q", tt.name, holds, err, asked, tt.holds)
		}
		if strings.Count(said.String(), "\n") != 1 || !strings.Contains(said.String(), "level="+tt.log) {
			t.Errorf("%s: logs\n%swant one line of %s", tt.name, &said, tt.log)
		}
	}
}

// The daemon as it is built for appliances, in a process: it serves, reloads, is killed and
// comes again in its sandbox, and what it reaches for outside is refused, even to root.
// Where the kernel has no landlock the same daemon must say so, and reach it.
func TestADaemonLivesInItsSandbox(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "pairmqd")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	root := tree(t, map[string]string{"conf/pairmqd.conf": "logLevel=info\n", "conf/conf.d/": "", "outside/x.conf": "logLevel=debug\n", "run/": ""})
	d := newDaemon(t)
	d.settings = append(d.settings, "storePathRootDir="+root+"/store", "metricsTextfile="+root+"/run/x.prom", fmt.Sprintf("metricsListen=127.0.0.1:%d", freePorts(t, 1)[0]))
	args := []string{"-c", root + "/conf/pairmqd.conf"}
	for _, s := range d.settings {
		args = append(args, "--"+s)
	}
	start := func() (*exec.Cmd, *lockedBuffer) {
		cmd, said := exec.CommandContext(t.Context(), bin, args...), new(lockedBuffer)
		cmd.Stdout, cmd.Stderr = said, said
		cmd.Env = append(os.Environ(), "GODEBUG=multipathtcp=0") // which the kernel holds to no port
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			if t.Failed() {
				t.Logf("the daemon said\n%s", said)
			}
		})
		eventually(t, "the daemon registers", func() bool { return strings.Contains(said.String(), "msg=registered") })
		return cmd, said
	}
	cmd, said := start()
	if strings.Contains(said.String(), "no metrics over HTTP") {
		t.Errorf("the port of the metrics is not among the rules")
	}
	reload := func(want string) {
		t.Helper()
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, want, func() bool { return strings.Contains(said.String(), want) })
	}
	holds := d.info()["sandbox"]
	confined := strings.HasPrefix(holds, "landlock ")
	if !confined && !strings.HasPrefix(holds, "none: no landlock: ") {
		t.Fatalf("the sandbox is %q, want landlock, or none to be had", holds)
	}
	t.Logf("the sandbox: %s", holds)
	link := root + "/conf/conf.d/a.conf"
	if err := os.Symlink(root+"/outside/x.conf", link); err != nil {
		t.Fatal(err)
	}
	if confined {
		reload("conf.d/a.conf: permission denied")
		if err := errors.Join(os.Remove(link), os.WriteFile(link, []byte("logLevel=debug\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	reload("changed=[logLevel]")
	d.mustSend("Kept", 20, 0)
	eventually(t, "the textfile", func() bool { _, err := os.Stat(root + "/run/x.prom"); return err == nil })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	cmd, _ = start()
	d.mustSend("Kept", 20, 20)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := ends(t, cmd); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}
