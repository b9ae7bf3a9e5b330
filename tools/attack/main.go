package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"syscall"

	"pairmq/tools/harness"
)

// Exit codes.
const (
	exitFailed = 1
	exitUnable = 2
)

// errUnable is wrapped by what keeps attacks from being begun or judged.
var errUnable = errors.New("attack: unable")

// args are what a person asked for.
type args struct {
	bin, conf string
	dir       string
	run       *regexp.Regexp
	limit     int64 // MiB
	keep      bool
	verbose   bool
	portscan  bool
	write     bool
	strike    string // the attack that this process is
	gateway   string // host to attack
}

func parse(list []string, stderr io.Writer) (a args, err error) {
	f := flag.NewFlagSet("attack", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&a.bin, "bin", "bin/pairmqd", "the daemon to attack")
	f.StringVar(&a.conf, "conf", "packaging/pairmqd.conf", "its configuration, as installed")
	f.StringVar(&a.dir, "dir", "", "folder for its root and logs; empty makes one below TMPDIR")
	run := f.String("run", "", "only attacks whose names fit this regular expression")
	f.Int64Var(&a.limit, "limit", 64, "MiB that a daemon may have")
	f.BoolVar(&a.keep, "keep", false, "leave the folder")
	f.BoolVar(&a.verbose, "v", false, "print the figures of every try")
	f.BoolVar(&a.portscan, "portscan", false, "instead: what each open port of a fresh install answers to a stranger")
	f.BoolVar(&a.write, "write", os.Getenv("PAIRMQ_WRITE") != "", "write docs/attacks.md, or with -portscan SECURITY.md; PAIRMQ_WRITE=1 is the same")
	f.StringVar(&a.strike, "strike", "", "be one attack: for this program's own use")
	f.StringVar(&a.gateway, "gateway", "", "whom to attack then")
	if err := f.Parse(list); err != nil {
		return a, err
	}
	if a.run, err = regexp.Compile(*run); err != nil {
		return a, fmt.Errorf("-run: %w", err)
	}
	if f.NArg() > 0 || a.limit < 16 {
		return a, fmt.Errorf("%v, -limit %d; no arguments, and at least 16", f.Args(), a.limit)
	}
	return a, nil
}

func main() {
	a, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil && a.strike != "" {
		err = strike(a)
	} else if err == nil {
		if err = enter(); err == nil {
			err = inside(&a)
		}
	}
	switch {
	case err == nil:
		return
	case errors.Is(err, errFailed):
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(exitFailed)
	}
	fmt.Fprintln(os.Stderr, "attack:", err)
	os.Exit(exitUnable)
}

// insideKey is set for the program once it is in its own namespaces.
const insideKey = "PAIRMQ_ATTACK_INSIDE"

// enter has the program run in new namespaces for the network and for mounts, and in a
// session of its own. It returns in there only.
func enter() error {
	if os.Getenv(insideKey) != "" {
		return nil
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: namespaces and cgroups need root", errUnable)
	}
	for tool, pkg := range map[string]string{"ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux", "mount": "mount", "fallocate": "util-linux", "mkfs.ext4": "e2fsprogs", "taskset": "util-linux", "chroot": "coreutils", "nice": "coreutils"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: %s is missing: apt-get install %s", errUnable, tool, pkg)
		}
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// Client and daemon before others who work on this machine, who are no part of it. The
	// kernel compares nice values within a session alone, where it groups by sessions.
	cmd := exec.Command(unshare, append([]string{"--net", "--mount", "nice", "-n", "-10", self}, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), insideKey+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	runtime.LockOSThread() // its end would be taken for this program's
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", errUnable, err)
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		os.Exit(code)
	}
	return fmt.Errorf("%w: %w", errUnable, err)
}

// The nice values of sessions, where the kernel groups processes by them: daemon and client
// before strangers, and those before others who work on this machine. With much less the
// kernel's own threads, which write to the daemon's disk, would have to wait.
const (
	ourNice       = -12
	strangersNice = -5
)

// prefer gives this program's session a nice value.
func prefer(nice int) error {
	err := os.WriteFile("/proc/self/autogroup", []byte(strconv.Itoa(nice)), 0o644)
	if errors.Is(err, os.ErrNotExist) { // built without: nice values count for all
		return nil
	}
	return err
}

// inside does what was asked for in the namespaces.
func inside(a *args) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := prefer(ourNice); err != nil {
		fmt.Printf("  what others do on this machine may disturb: %v\n", err)
	}
	if err := a.place(); err != nil {
		return fmt.Errorf("%w: %w", errUnable, err)
	}
	w, err := newWorld(a)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnable, err)
	}
	do := w.attackAll
	if a.portscan {
		do = w.portscan
	}
	err = errors.Join(do(ctx), w.close())
	if err != nil || a.keep {
		fmt.Printf("  roots and logs are in %s\n", a.dir)
		return err
	}
	return a.clear()
}

// place finds the daemon and makes the folder.
func (a *args) place() (err error) {
	if a.bin, err = filepath.Abs(a.bin); err != nil {
		return err
	}
	if _, err := os.Stat(a.bin); err != nil {
		return fmt.Errorf("%w; make build makes it", err)
	}
	if a.dir == "" {
		a.dir, err = os.MkdirTemp("", "pairmq-attack-")
		return err
	}
	if a.dir, err = filepath.Abs(a.dir); err != nil {
		return err
	}
	return os.MkdirAll(a.dir, 0o755)
}

// clear removes what was made, once nothing of the kernel's is mounted in there any more.
func (a *args) clear() error {
	roots, err := filepath.Glob(filepath.Join(a.dir, "*/root"))
	for _, root := range roots {
		for _, of := range kernels() {
			dir := filepath.Join(root, of)
			err = errors.Join(err, command("umount", "--recursive", dir))
			if left, look := os.ReadDir(dir); look != nil || len(left) > 0 { // this machine's own would be removed
				err = errors.Join(err, look, fmt.Errorf("%s is not empty: something is mounted there", dir))
			}
		}
	}
	if err != nil {
		return err
	}
	return os.RemoveAll(a.dir)
}

// newCgroup makes the cgroup of one daemon.
func (a *args) newCgroup(name string) (*harness.Cgroup, error) {
	return harness.NewCgroup(harness.CgroupRoots(), fmt.Sprintf("pairmq-attack-%d-%s", os.Getpid(), name), a.limit<<20)
}
