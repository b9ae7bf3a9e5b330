package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"pairmq/tools/lab/order"
)

// What a machine has, and how long it may take.
const (
	memory    = 256 // MiB
	bootTime  = 90 * time.Second
	orderTime = 60 * time.Second
)

// commandLine is the kernel's. It must not check its timer against the clock: a
// host that is busy stands still for longer than the kernel waits, and it panics over that.
const commandLine = "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on audit=0 tsc=reliable no_timer_check"

// A machine is one emulated computer. Its kernel and software come from the
// host; only its disks last.
type machine struct {
	kernel  string
	initrd  string
	drives  []string // as qemu is told
	console string   // file: what kernel, init and daemon say
	broker  string   // host:port where its daemon serves clients
	orders  string   // host:port where init takes orders

	qemu *process
	said int64 // bytes in console before this boot
	conn net.Conn
	to   *json.Encoder
	from *json.Decoder
}

// newMachine returns a machine with its own ports on the host.
func newMachine(l *lab, dir string, drives ...string) (*machine, error) {
	m := &machine{kernel: l.kernel.image, initrd: l.initrd, drives: drives, console: filepath.Join(dir, "console.log")}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	m.broker, m.orders = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])), net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[1]))
	return m, nil
}

// freePorts finds ports that nobody has at the moment.
func freePorts(n int) (ports []int, err error) {
	for range n {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close() // when all are found, so that they differ
		ports = append(ports, ln.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// power starts the machine. It does not wait for anything.
func (m *machine) power() (err error) {
	argv := []string{
		"qemu-system-x86_64", "-machine", "pc", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", strconv.Itoa(memory),
		"-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-kernel", m.kernel, "-initrd", m.initrd, "-append", commandLine + tickOption(),
		"-device", "virtio-net-pci,netdev=n0,romfile=", "-netdev", fmt.Sprintf("user,id=n0,restrict=on,hostfwd=tcp:%s-:10911,hostfwd=tcp:%s-:%d", m.broker, m.orders, order.Port),
	}
	for i, d := range m.drives {
		argv = append(argv, "-drive", fmt.Sprintf("if=none,id=d%d,%s", i, d), "-device", fmt.Sprintf("virtio-blk-pci,drive=d%d", i))
	}
	if info, err := os.Stat(m.console); err == nil {
		m.said = info.Size()
	}
	m.qemu, err = spawn(m.console, argv...)
	return err
}

// await waits until the machine takes orders.
func (m *machine) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	for !m.ready() {
		if m.qemu.ended() {
			return fmt.Errorf("the machine went off while it booted; see %s", m.console)
		}
		if pause(ctx, 20*time.Millisecond); ctx.Err() != nil {
			return fmt.Errorf("the machine did not boot within %v; see %s", bootTime, m.console)
		}
	}
	if err := m.dial(); err != nil {
		return err
	}
	_, err := m.do(order.Order{Do: order.Hello})
	return err
}

// ready says whether init has said that it takes orders. To ask it would be no
// good: qemu accepts connections for a machine that is far from listening.
func (m *machine) ready() bool {
	f, err := os.Open(m.console)
	if err != nil {
		return false
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, m.said, 1<<20))
	return err == nil && bytes.Contains(b, []byte(order.Ready))
}

func (m *machine) dial() error {
	c, err := net.DialTimeout("tcp4", m.orders, time.Second)
	if err != nil {
		return err
	}
	m.conn, m.to, m.from = c, json.NewEncoder(c), json.NewDecoder(c)
	return nil
}

// hangUp ends the connection for orders. An order on its way fails, and so do
// all until the next dial.
func (m *machine) hangUp() {
	if m.conn != nil {
		m.conn.Close()
	}
}

// do has the machine do something and waits until it is done.
func (m *machine) do(o order.Order) (order.Answer, error) { return m.doWithin(orderTime, o) }

func (m *machine) doWithin(limit time.Duration, o order.Order) (a order.Answer, err error) {
	if m.conn == nil {
		return a, fmt.Errorf("order %s: there is no connection to the machine", o.Do)
	}
	m.conn.SetDeadline(time.Now().Add(limit))
	if err := m.to.Encode(o); err != nil {
		return a, fmt.Errorf("order %s: %w", o.Do, err)
	}
	if err := m.from.Decode(&a); err != nil {
		return a, fmt.Errorf("order %s: no answer: %w", o.Do, err)
	}
	if a.Err != "" {
		return a, fmt.Errorf("order %s: %s", o.Do, a.Err)
	}
	return a, nil
}

// startDaemon mounts the device and starts the daemon on it, as a gateway does
// by itself after a boot.
func (m *machine) startDaemon(device, kind, flush string) error {
	if _, err := m.do(order.Order{Do: order.Mount, Device: device, FS: kind}); err != nil {
		return err
	}
	_, err := m.do(order.Order{Do: order.Start, Argv: daemonArgs(flush)})
	return err
}

// recover starts the daemon and waits until it serves.
func (m *machine) recover(ctx context.Context, device, kind, flush string) error {
	if err := m.startDaemon(device, kind, flush); err != nil {
		return err
	}
	if err := awaitBroker(ctx, m.broker); err != nil {
		return fmt.Errorf("the daemon did not serve: %w; see %s", err, m.console)
	}
	return nil
}

// cut takes the power away from the machine and its disk. The machine is stopped
// before, so that it does not see the disk fail and say so to somebody.
func (m *machine) cut(d *disk) error {
	err := m.qemu.freeze()
	d.proc.kill()
	m.qemu.kill()
	m.hangUp()
	if err != nil {
		return fmt.Errorf("stop the machine: %w; see %s", err, m.console)
	}
	return nil
}

// off switches the machine off, its file systems having been unmounted.
func (m *machine) off() error {
	m.doWithin(10*time.Second, order.Order{Do: order.Off}) // it cannot answer
	m.hangUp()
	select {
	case <-m.qemu.done:
		return nil
	case <-time.After(20 * time.Second):
		m.qemu.kill()
		return fmt.Errorf("the machine did not go off; see %s", m.console)
	}
}

// close ends whatever still runs.
func (m *machine) close() {
	m.hangUp()
	if m.qemu != nil {
		m.qemu.kill()
	}
}

// How the daemon flushes.
const (
	syncFlush = "SYNC_FLUSH"
	lazyFlush = "lazy" // OK waits for nothing, and what is written is synced after half a minute
)

// daemonArgs are the daemon's settings: small segments, so that many begin and
// end, each of which has the one before synced; a lazy daemon gets a large one.
func daemonArgs(flush string) []string {
	args := []string{
		"--brokerName=lab", "--enableNamesrv=true", "--brokerIP1=10.0.2.15", "--listenPort=10911", "--storePathRootDir=" + order.State + "/store",
		"--maxMessageSize=65536", "--adminAddresses=10.0.2.2", // this host, as qemu shows it: it makes topics
	}
	if flush == lazyFlush {
		return append(args, "--mappedFileSizeCommitLog=16m", "--flushDiskType=ASYNC_FLUSH", "--topicFlush=*:lazy")
	}
	return append(args, "--mappedFileSizeCommitLog=1m", "--flushDiskType="+flush)
}
