package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"pairmq/tools/lab/promise"
)

// How long a booted Debian may take. An emulated ARM on a busy host is slow.
const (
	systemBootTime = 10 * time.Minute
	scriptTime     = 6 * time.Minute
)

// stateFolder is where the package keeps its store.
const stateFolder = "/var/lib/pairmq"

// A system is a machine that runs Debian, systemd and what is installed. Its
// disks last, its memory does not.
type system struct {
	debian
	number  int    // of the two on a cable, 1 or 2; 0: there is no cable
	root    string // image, its own
	state   *disk  // nil: the state is on the root disk
	cable   string // what qemu is told of the cable
	overlay bool   // the root is read-only
	counted bool   // its clock counts instructions: see counted.go
	console string
	said    int64  // bytes in console before this boot
	socket  string // of the agent
	monitor string // socket of qemu's
	broker  string // host:port where its daemon serves clients of the host

	qemu   *process
	agent  *agent
	booted time.Duration // how long the last boot took
}

// newSystem makes one with a fresh root disk that has files in its folder /; and, if
// cache is not empty, with a disk for the state, formatted as kind.
func newSystem(ctx context.Context, d debian, dir, kind, cache string, files map[string]string) (*system, error) {
	s := &system{debian: d, root: filepath.Join(dir, "root.img"), console: filepath.Join(dir, "console.log"), socket: filepath.Join(dir, "agent"), monitor: filepath.Join(dir, "monitor")}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	s.broker = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))
	if err := command(ctx, "cp", "--sparse=always", d.root, s.root); err != nil {
		return nil, err
	}
	for name, from := range files {
		if err := command(ctx, "debugfs", "-w", "-R", "write "+from+" "+name, s.root); err != nil {
			return nil, err
		}
	}
	if cache == "" {
		return s, nil
	}
	s.state = &disk{image: filepath.Join(dir, "state.img"), socket: filepath.Join(dir, "nbd"), cache: cache, log: filepath.Join(dir, "nbdkit.log")}
	return s, makeImage(ctx, s.state.image, kind, imageSize)
}

// power switches it on. It does not wait for anything.
func (s *system) power(ctx context.Context) (err error) {
	if s.state != nil {
		if err := s.state.power(ctx); err != nil {
			return err
		}
	}
	line := "console=" + s.arch.console + " quiet panic=-1 mitigations=off random.trust_cpu=on audit=0 net.ifnames=0 systemd.show_status=no systemd.machine_id=" +
		fmt.Sprintf("%032x", 0x1ab00000+s.number)
	if s.bare {
		line += " tsc=reliable no_timer_check unknown_nmi_panic panic_print=0x41" // see commandLine and lastWords
	}
	if s.bare && !s.counted { // whose counter is no host's
		line += tickOption()
	}
	if s.overlay {
		line += " lab.overlay=1"
	}
	virtio := func(device, options string) []string {
		return []string{"-device", "virtio-" + device + "-" + s.bus + "," + options}
	}
	argv := append([]string{s.arch.qemu}, s.machine...)
	argv = append(argv, s.processor()...)
	argv = append(argv, "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-qmp", "unix:"+s.monitor+",server=on,wait=off", "-kernel", s.debian.kernel, "-initrd", s.initrd)
	argv = append(argv, "-drive", "if=none,id=root,file="+s.root+",format=raw,cache=unsafe")
	argv = append(argv, virtio("blk", "drive=root,serial=root")...)
	if s.state != nil {
		argv = append(argv, "-drive", "if=none,id=state,"+s.state.drive())
		argv = append(argv, virtio("blk", "drive=state,serial=state")...)
	}
	argv = append(argv, virtio("rng", "id=rng0")...)
	argv = append(argv, virtio("serial", "id=serial0")...)
	argv = append(argv, "-chardev", "socket,id=agent,path="+s.socket+",server=on,wait=off", "-device", "virtserialport,chardev=agent,name=lab.0")
	argv = append(argv, "-netdev", "user,id=n0,restrict=on,hostfwd=tcp:"+s.broker+"-:10911")
	rom := ""
	if s.bus == "pci" {
		rom = ",romfile="
	}
	argv = append(argv, virtio("net", "netdev=n0,mac=52:54:00:00:00:01"+rom)...)
	if s.cable != "" {
		argv = append(argv, "-netdev", s.cable)
		argv = append(argv, virtio("net", fmt.Sprintf("netdev=cable,mac=52:54:00:00:09:%02x%s", s.number, rom))...)
		line += " lab.lan=" + s.address() + "/24"
	}
	s.said = consoleSize(s.console)
	s.qemu, err = spawn(s.console, append(argv, "-append", line)...)
	return err
}

// processor is what qemu is told of how it emulates: see arch.smp.
func (s *system) processor() []string {
	if s.counted {
		return []string{"-accel", "tcg,thread=single", "-smp", "1", "-icount", fmt.Sprintf("shift=%d,sleep=on,align=off", countedShift)}
	}
	return []string{"-accel", "tcg,thread=multi", "-smp", s.smp}
}

// address is the machine's on the cable.
func (s *system) address() string { return fmt.Sprintf("10.9.0.%d", s.number) }

// boot switches it on and waits until systemd has started all that there is.
func (s *system) boot(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, systemBootTime)
	defer cancel()
	if err := s.power(ctx); err != nil {
		return err
	}
	a, err := dialAgent(ctx, s.socket, s.qemu.ended)
	if err != nil {
		return fmt.Errorf("the machine did not boot: %w; see %s\n%s", err, s.console, s.lastWords(ctx))
	}
	s.agent = a
	// The exit status says degraded, of which the caller hears by the name of the unit.
	if _, err := s.agent.run(systemBootTime, "systemctl is-system-running --wait || true"); err != nil {
		return fmt.Errorf("the machine did not boot to the end: %w; see %s\n%s", err, s.console, s.lastWords(ctx))
	}
	s.booted = time.Since(began)
	if failed, err := s.run("systemctl --failed --no-legend --plain"); err != nil || failed != "" {
		return cmp.Or(err, fmt.Errorf("units failed while the machine booted: %s; see %s", failed, s.console))
	}
	return nil
}

// run runs a script in the machine.
func (s *system) run(script string) (string, error) { return s.agent.run(scriptTime, script) }

// number reads one from the machine.
func (s *system) count(script string) (int64, error) {
	out, err := s.run(script)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(out, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q in the machine: %w", script, err)
	}
	return n, nil
}

// installing is what an owner types who has the package. What he has edited stays as it is.
func installing(deb string) string {
	return "DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold -i /" + deb + " && systemctl is-active --wait pairmqd"
}

// giveState mounts the state disk where the package will have its state, now and at
// every boot, and has the daemon never start without it.
func (s *system) giveState(kind string) error {
	check := 2
	if kind == "f2fs" {
		check = 0 // its checker is not installed
	}
	// An emulated machine beside others may take longer to find a disk than the 90 s that systemd waits.
	_, err := s.run(fmt.Sprintf(`set -e
mkdir -p %[1]s /etc/systemd/system/pairmqd.service.d
echo '/dev/disk/by-id/virtio-state %[1]s %[2]s noatime,nofail,x-systemd.device-timeout=5min 0 %[3]d' >>/etc/fstab
printf '[Unit]\nAssertPathIsMountPoint=%[1]s\n' >/etc/systemd/system/pairmqd.service.d/state.conf
systemctl daemon-reload
systemctl start %[4]s
mountpoint -q %[1]s`, stateFolder, kind, check, "var-lib-pairmq.mount"))
	return err
}

// configure writes a file of settings, which the package need not be there for.
func (s *system) configure(lines ...string) error {
	_, err := s.run("mkdir -p /etc/pairmq/conf.d && cat >/etc/pairmq/conf.d/lab.conf <<'END'\n" + strings.Join(lines, "\n") + "\nEND\nsync")
	return err
}

// cut takes the power away: see machine.cut.
func (s *system) cut() error {
	err := s.qemu.freeze()
	s.close()
	if err != nil {
		return fmt.Errorf("stop the machine: %w; see %s", err, s.console)
	}
	return nil
}

// off switches it off as an owner does.
func (s *system) off() error {
	_, err := s.run("systemctl poweroff --no-block")
	if err == nil {
		select {
		case <-s.qemu.done:
		case <-time.After(systemBootTime):
			err = errors.New("it did not go off")
		}
	}
	if s.state != nil {
		s.state.proc.kill() // unmounting has flushed
	}
	s.close()
	if err != nil {
		return fmt.Errorf("switch the machine off: %w; see %s", err, s.console)
	}
	return nil
}

// close ends whatever still runs: first the disk, whose cache goes with it.
func (s *system) close() {
	if s.state != nil && s.state.proc != nil {
		s.state.proc.kill()
	}
	if s.qemu != nil {
		s.qemu.kill()
	}
	if s.agent != nil {
		s.agent.close()
	}
}

// serve waits until the daemon answers clients of the host.
func (s *system) serve(ctx context.Context) error {
	if err := awaitBroker(ctx, s.broker); err != nil {
		said, _ := s.run("systemctl --no-pager --full status pairmqd var-lib-pairmq.mount 2>&1 | tail -n 60") // empty if the machine does not answer
		return fmt.Errorf("the daemon did not serve: %w; see %s; systemd says %q", err, s.console, said)
	}
	return nil
}

// judge compares all that the broker of s has with what clients were told.
func (s *system) judge(ctx context.Context, l *load) (promise.Summary, []promise.Violation, error) {
	r, err := l.read(ctx, s.broker)
	if err != nil {
		return promise.Summary{}, nil, fmt.Errorf("read everything: %w; see %s", err, s.console)
	}
	sum, found := l.ledger.Judge(r, l.ledger.Len())
	l.ledger.Keep(r)
	return sum, found, nil
}
