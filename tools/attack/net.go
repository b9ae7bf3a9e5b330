package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The addresses. The gateway is this program's namespace, and has one address that is of
// none of its links; each of the others has a namespace and a link to it.
const (
	gatewayIP  = "198.18.0.1"
	strangerIP = "198.18.2.2"
	peerIP     = "198.18.3.2" // the other half of a pair
)

// strangers is how many addresses the strangers' host has, and few how many of them an
// attack uses that is not one of many.
const (
	strangers = 64
	few       = 8
)

// A host is another machine on the gateway's network: a namespace that lasts as long as
// the process that holds it.
type host struct {
	name   string
	holder *exec.Cmd
	pipe   io.Closer
	ns     *os.File
}

// newHost makes the n-th host and a link to it, with so many addresses from 2 on.
func newHost(name string, n, addrs int) (*host, error) {
	h := &host{name: name, holder: exec.Command("cat")}
	var err error
	if h.pipe, err = h.holder.StdinPipe(); err != nil {
		return nil, err
	}
	h.holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := h.holder.Start(); err != nil {
		return nil, fmt.Errorf("a network namespace: %w", err)
	}
	if h.ns, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", h.holder.Process.Pid)); err != nil {
		return nil, errors.Join(err, h.close())
	}
	in := strings.Join(h.within(), " ")
	steps := []string{
		fmt.Sprintf("ip link add to-%s type veth peer name eth0 netns %d", name, h.holder.Process.Pid),
		fmt.Sprintf("ip addr add 198.18.%d.1/24 dev to-%s", n, name),
		fmt.Sprintf("ip link set to-%s up", name),
		in + " ip link set lo up",
	}
	for i := range addrs {
		steps = append(steps, fmt.Sprintf("%s ip addr add 198.18.%d.%d/24 dev eth0", in, n, 2+i))
	}
	steps = append(steps, in+" ip link set eth0 up", fmt.Sprintf("%s ip route add default via 198.18.%d.1", in, n))
	for _, s := range steps {
		if err := command(strings.Fields(s)...); err != nil {
			return nil, errors.Join(err, h.close())
		}
	}
	return h, nil
}

// within is how a command is run on the host.
func (h *host) within() []string {
	return []string{"nsenter", "--net=/proc/" + strconv.Itoa(h.holder.Process.Pid) + "/ns/net"}
}

// dial connects from the host to an address that is no name: the socket is made by a
// thread that is there for that moment.
func (h *host) dial(ctx context.Context, network, addr string) (nc net.Conn, err error) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer home.Close()
	if err := unix.Setns(int(h.ns.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	nc, err = new(net.Dialer).DialContext(ctx, network, addr)
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return nil, errors.Join(back, err) // the thread is not unlocked, and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return nc, err
}

func (h *host) close() error {
	errs := []error{h.pipe.Close(), h.holder.Wait()}
	if h.ns != nil {
		errs = append(errs, h.ns.Close())
	}
	return errors.Join(errs...)
}

// command runs one, and fails with what it printed.
func command(argv ...string) error {
	c := exec.Command(argv[0], argv[1:]...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
