package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/daemon/config"
	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/internal/remoting"
)

// asDaemon in the environment makes the test binary the daemon, with its arguments.
const asDaemon = "PAIRMQ_TEST_DAEMON"

// stranger is the user that daemons of these tests run as if the tests run as root,
// whom nothing is forbidden.
const stranger = 65534

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process returns the daemon as a process of its own, not started: never root's.
func (d *daemonUnderTest) process(more ...string) (*exec.Cmd, *lockedBuffer) {
	d.t.Helper()
	var args []string
	for _, s := range append(d.settings, more...) {
		args = append(args, "--"+s)
	}
	// The other user may not reach the binary by its path.
	cmd, said := exec.CommandContext(d.t.Context(), "/proc/self/exe", args...), new(lockedBuffer)
	cmd.Env = []string{asDaemon + "=1"}
	cmd.Stdout, cmd.Stderr = said, said
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	}
	return cmd, said
}

// theirs makes a folder below one that the daemon's user can reach, with that user as owner.
func theirs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(dir, "own")
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	give(t, own, stranger)
	return own
}

// give makes the user the owner of all at path, if the test may.
func give(t *testing.T, path string, uid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	err := filepath.Walk(path, func(p string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(p, uid, uid)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// forbid takes something from the daemon's user: it is root's, or has no mode.
func forbid(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() == 0 {
		give(t, path, 0)
		return
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(path, info.Mode()) }) // the folder is removed
}

// ends waits for a process that ends by itself.
func ends(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// runs starts a process, has it serve, and tells it to stop.
func runs(t *testing.T, cmd *exec.Cmd, said *lockedBuffer) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the daemon registers", func() bool {
		return strings.Contains(said.String(), "msg=registered") || strings.Contains(said.String(), "msg=stopped")
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := ends(t, cmd); code != exitOK {
		t.Fatalf("exit code %d; it said\n%s", code, said)
	}
}

// TestBadSurroundings has a process begin where it cannot: it says in one line what
// to do, with the exit code by which systemd tries it again or does not.
func TestBadSurroundings(t *testing.T) {
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	file := func(name string) func(*testing.T, *daemonUnderTest, string) []string {
		return func(t *testing.T, _ *daemonUnderTest, root string) []string {
			forbid(t, filepath.Join(root, name))
			return nil
		}
	}
	const owner = "must belong to the user that pairmqd runs as: chown -R"
	tests := []struct {
		name  string
		spoil func(t *testing.T, d *daemonUnderTest, root string) []string // returns settings
		code  int
		says  []string
	}{
		{"a folder that is forbidden", file("."), exitSurroundings, []string{owner}},
		{"an index that is forbidden", file("meta.db"), exitSurroundings, []string{"meta.db: permission denied", owner}},
		{"a segment that is forbidden", file("commitlog/00000000000000000000"), exitSurroundings, []string{"commitlog/00000000000000000000: permission denied", owner}},
		{"the log's folder is forbidden", file("commitlog"), exitSurroundings, []string{"commitlog: permission denied", owner}},
		{"the name server's file is forbidden", file("namesrv.state"), exitSurroundings, []string{"namesrv.state: permission denied", owner}},
		{"the lock is forbidden", file("LOCK"), exitSurroundings, []string{"LOCK: permission denied", owner}},
		{"a folder that takes no files", func(t *testing.T, d *daemonUnderTest, root string) []string {
			dir := filepath.Join(root, "closed")
			must(t, os.Mkdir(dir, 0o700))
			give(t, dir, stranger)
			must(t, os.Chmod(dir, 0o500))
			return []string{"storePathRootDir=" + dir}
		}, exitSurroundings, []string{"LOCK: permission denied", "the mode of ", "dr-x------", owner}},
		{"nothing may be made above the folder", func(t *testing.T, d *daemonUnderTest, root string) []string {
			dir := filepath.Join(root, "closed")
			must(t, os.Mkdir(dir, 0o500))
			give(t, dir, stranger)
			return []string{"storePathRootDir=" + filepath.Join(dir, "a", "b")}
		}, exitSurroundings, []string{"storePathRootDir: ", "permission denied", owner}},
		{"the folder is a file", func(t *testing.T, d *daemonUnderTest, root string) []string {
			return []string{"storePathRootDir=" + filepath.Join(root, "meta.db")}
		}, exitSurroundings, []string{"not a directory", "move it away, or name another folder"}},
		{"a port is taken", func(t *testing.T, d *daemonUnderTest, root string) []string {
			ln, err := net.Listen("tcp", d.broker)
			must(t, err)
			t.Cleanup(func() { ln.Close() })
			return nil
		}, exitFailed, []string{"listen on port ", "address already in use", "ss -ltnp", "tried again"}},
		{"the name server's port is taken", func(t *testing.T, d *daemonUnderTest, root string) []string {
			ln, err := net.Listen("tcp", d.namesrv)
			must(t, err)
			t.Cleanup(func() { ln.Close() })
			return nil
		}, exitFailed, []string{"listen on port ", "ss -ltnp", "tried again"}},
		{"another process has the store", func(t *testing.T, d *daemonUnderTest, root string) []string {
			fsys, err := disk.OS(root)
			must(t, err)
			lock, err := fsys.Lock("LOCK")
			must(t, err)
			t.Cleanup(func() { lock.Close() })
			return nil
		}, exitFailed, []string{"locked by another process", "fuser ", "tried again"}},
		{"the store's partition is not mounted", func(t *testing.T, d *daemonUnderTest, root string) []string {
			return []string{"storeMountPoint=" + root}
		}, exitFailed, []string{"nothing is mounted at storeMountPoint", "/etc/fstab", "tried again"}},
		{"where it should be mounted there is nothing", func(t *testing.T, d *daemonUnderTest, root string) []string {
			return []string{"storePathRootDir=" + root + "/x/y", "storeMountPoint=" + root + "/x"}
		}, exitFailed, []string{"make the folder, mount the file system there"}},
		{"a configuration with mistakes", func(*testing.T, *daemonUnderTest, string) []string {
			return []string{"listenPort=0", "brokerNmae=x"}
		}, exitUsage, []string{"listenPort is 0", `did you mean "brokerName"?`}},
		{"an address for nobody", func(*testing.T, *daemonUnderTest, string) []string {
			return []string{"brokerIP1=0.0.0.0"}
		}, exitUsage, []string{"brokerIP1 is 0.0.0.0, which is no address that others could use"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, root := newDaemon(t), theirs(t)
			d.settings = append(d.settings, "storePathRootDir="+root)
			before, log := d.process()
			runs(t, before, log)
			cmd, said := d.process(tt.spoil(t, d, root)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if code := ends(t, cmd); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			lines := strings.Split(strings.TrimSpace(said.String()), "\n")
			last := lines[len(lines)-1]
			if tt.code == exitUsage {
				last = said.String() // one complaint a line
			}
			for _, want := range tt.says {
				if !strings.Contains(last, want) {
					t.Errorf("it does not say %q, but\n%s", want, said)
				}
			}
			if bad := strings.Count(said.String(), "<3>") + strings.Count(said.String(), "<4>"); tt.code != exitUsage && bad != 1 {
				t.Errorf("%d lines complain, want one:\n%s", bad, said)
			}
		})
	}
}

// TestWhatIsNoReasonToEnd: the daemon begins all the same.
func TestWhatIsNoReasonToEnd(t *testing.T) {
	d, root := newDaemon(t), theirs(t)
	d.settings = append(d.settings, "storePathRootDir="+filepath.Join(root, "made", "with", "parents"))
	cmd, said := d.process()
	runs(t, cmd, said)
	state := filepath.Join(root, "made", "with", "parents", "namesrv.state")
	if err := os.WriteFile(state, []byte("PMNS no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, said = d.process()
	runs(t, cmd, said)
	if !strings.Contains(said.String(), "the name server's state is damaged: routes come back") {
		t.Errorf("of a damaged namesrv.state it says nothing:\n%s", said)
	}
}

// TestNothingOfTheMachineIsKnown begins where /sys and /proc are missing, or say what
// they should not.
func TestNothingOfTheMachineIsKnown(t *testing.T) {
	nonsense := map[string]string{}
	for _, name := range []string{"proc/self/mountinfo", "proc/meminfo", "proc/self/cgroup", "proc/sys/kernel/osrelease", "proc/uptime", "proc/pressure/io",
		"sys/class/thermal/thermal_zone0/temp", "sys/class/power_supply/x/type", "sys/devices/system/clocksource/clocksource0/current_clocksource"} {
		nonsense[name] = "\x00-1 \xff=nonsense\n\n7 7"
	}
	for name, files := range map[string]map[string]string{"missing": nil, "nonsense": nonsense} {
		t.Run(name, func(t *testing.T) {
			hw, _ := boardWith(t, files)
			d := newDaemon(t)
			cfg, said := d.config(), new(lockedBuffer)
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
			ended := make(chan int, 1)
			go func() { ended <- serve(flags{settings: d.settings}, &cfg, nil, hw, unconfined, said) }()
			if r := d.send("Greetings", "hello"); r.Code != remoting.RespSuccess {
				t.Errorf("a send is answered %d %q", r.Code, r.Remark)
			}
			if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil { // it listens to signals before it serves
				t.Fatal(err)
			}
			if code := <-ended; code != exitOK {
				t.Errorf("exit code %d; it said\n%s", code, said)
			}
			if strings.Contains(said.String(), "level=ERROR") || strings.Contains(said.String(), "<3>") {
				t.Errorf("it complains:\n%s", said)
			}
		})
	}
}

// TestDisksThatTakeNothing are full, or read-only, before there is a store.
func TestDisksThatTakeNothing(t *testing.T) {
	tests := []struct {
		name string
		plan diskfault.Plan
		code int
		says string
	}{
		{"full", diskfault.Plan{Quota: 1 << 20}, exitFailed, "make room in the file system of "},
		{"full, by quota", diskfault.Plan{FailAt: 1, Sticky: true, Err: syscall.EDQUOT}, exitFailed, "make room in the file system of "},
		{"read-only", diskfault.Plan{FailAt: 1, Sticky: true, Err: syscall.EROFS}, exitSurroundings, "that can be written"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDaemon(t)
			tt.plan.Real = t.TempDir()
			fsys := diskfault.New(tt.plan)
			cfg := d.config()
			err := run(t.Context(), cfg, func(string) (disk.FS, error) { return fsys, nil }, nil, slog.New(slog.DiscardHandler))
			if err == nil {
				t.Fatal("the daemon begins")
			}
			if code, do := judge(err, &cfg); code != tt.code || !strings.Contains(do, tt.says) || !strings.Contains(do, cfg.StoreRoot) {
				t.Errorf("%v: exit code %d and %q, want %d and %q", err, code, do, tt.code, tt.says)
			}
		})
	}
}

// TestTheClockIsWrong runs a daemon in the year 2000, where synctest begins. What it
// stored by then is there when the clock is right.
func TestTheClockIsWrong(t *testing.T) {
	root := t.TempDir()
	settings := func(d *daemonUnderTest) { d.settings = append(d.settings, "storePathRootDir="+root) }
	t.Run("wrong", func(t *testing.T) {
		d := newDaemon(t)
		settings(d)
		synctest.Test(t, func(t *testing.T) {
			d.t, d.client = t, remoting.NewClient(remoting.ClientOptions{})
			defer d.client.Close()
			if now := time.Now(); now.Year() != 2000 {
				t.Fatalf("the clock shows %v", now)
			}
			d.start()
			if r := d.send("Greetings", "hello"); r.Code != remoting.RespSuccess {
				t.Errorf("a send is answered %d %q", r.Code, r.Remark)
			}
			if err := d.stop(); err != nil {
				t.Error(err)
			}
		})
	})
	d := newDaemon(t)
	settings(d)
	d.start()
	if r := d.pull("Greetings", 0); r.Code != remoting.RespSuccess {
		t.Errorf("a pull is answered %d %q", r.Code, r.Remark)
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
}

// TestAMountedPlaceIsFound: /proc is mounted wherever Linux runs.
func TestAMountedPlaceIsFound(t *testing.T) {
	for point, want := range map[string]bool{"": true, "/proc": true, t.TempDir(): false, "/nonexistent": false} {
		err := checkMounted(&config.Config{StoreMountPoint: point})
		if (err == nil) != want {
			t.Errorf("storeMountPoint %q: %v, want found %v", point, err, want)
		}
	}
}

// TestForbiddenWhileItRuns is tried again: it was allowed when it began.
func TestForbiddenWhileItRuns(t *testing.T) {
	cfg := config.Default()
	denied := fmt.Errorf("store: %w", &os.PathError{Op: "open", Path: "/nonexistent", Err: syscall.EACCES})
	if code, _ := judge(denied, &cfg); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	if code, do := judge(startError{denied}, &cfg); code != exitSurroundings || !strings.Contains(do, "chown") {
		t.Errorf("at the start exit code %d, %q", code, do)
	}
	var b bytes.Buffer
	if ended(startError{denied}, &cfg, slog.New(slog.NewTextHandler(&b, nil))); strings.Count(b.String(), "\n") != 1 {
		t.Errorf("it says\n%s", &b)
	}
}
