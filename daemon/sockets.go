package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"pairmq/hal/link"

	"pairmq/daemon/machine"
	"pairmq/daemon/rights"
	"pairmq/internal/acl"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// sockets are those that systemd holds open for the daemon, by port. Who connects
// while the daemon restarts, or goes on in another role, waits in them instead of
// being refused. They are open for as long as the process lives; nil has none.
type sockets map[int]*os.File

// A platform is what the daemon takes from the one that it runs on.
type platform struct {
	sockets
	open     opener                 // opens the store's folder
	identity func() (string, error) // tells this machine from others; nil: as package board does
	recovery *recovery              // is told how far a start has come; nil: nobody is
	metrics  func() []byte          // the text of the metrics
	machine  *machine.Machine       // what the board tells; nil in tests that need none
	security *security              // TLS; nil: none
	peers    *peers                 // who may be the other half; nil: this host alone
	sandbox  string                 // what holds, for people; "" in tests that need none
	accounts *acl.Accounts          // who may do what; nil: nobody is asked who they are
	signer   *acl.Signer            // signs what is asked of others; nil: nothing does
	gate     *rights.Gate           // lets requests through; nil in tests: as without any option
	admin    *adminSocket           // for the command line of this machine; nil: none
}

// passedSockets takes what systemd has passed, once in a process.
func passedSockets(log *slog.Logger) sockets {
	s := sockets{}
	for _, f := range activation.Files(true) {
		ln, err := net.FileListener(f)
		if err != nil {
			log.Warn("what systemd passed is no socket that listens", "name", f.Name(), "err", err)
			continue
		}
		at, ok := ln.Addr().(*net.TCPAddr)
		ln.Close() // a copy
		if !ok {
			log.Warn("systemd passed a socket that is not TCP", "name", f.Name(), "address", ln.Addr().String())
			continue
		}
		s[at.Port] = f
	}
	return s
}

// unused returns the passed sockets of ports that are not among these.
func (s sockets) unused(ports ...int) (left []int) {
	used := map[int]bool{}
	for _, p := range ports {
		used[p] = true
	}
	for p := range s {
		if !used[p] {
			left = append(left, p)
		}
	}
	return left
}

// listen opens the ports of one server, all or none. A port that was passed is
// listened on where systemd has it, whatever bind says.
func (s sockets) listen(bind string, ports ...int) ([]net.Listener, error) {
	var all []net.Listener
	for _, p := range ports {
		var ln net.Listener
		var err error
		if f := s[p]; f != nil {
			ln, err = net.FileListener(f)
		} else {
			ln, err = listenAhead(net.JoinHostPort(bind, strconv.Itoa(p)))
		}
		if err != nil {
			for _, l := range all {
				err = errors.Join(err, l.Close())
			}
			return nil, fmt.Errorf("listen on port %d: %w", p, err)
		}
		all = append(all, ln)
	}
	return all, nil
}

// listenAhead listens at an address that no link may have yet: connections come once
// one has it. A daemon that ended instead would be started again and again until then.
func listenAhead(addr string) (net.Listener, error) {
	var now net.ListenConfig
	now.SetMultipathTCP(false) // landlock's rules for ports do not hold it
	ln, err := now.Listen(context.Background(), "tcp", addr)
	if !errors.Is(err, unix.EADDRNOTAVAIL) {
		return ln, err
	}
	ahead := net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) (err error) {
		outer := c.Control(func(fd uintptr) {
			if network == "tcp6" {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1)
			} else {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
			}
		})
		return errors.Join(outer, err)
	}}
	ahead.SetMultipathTCP(false)
	return ahead.Listen(context.Background(), "tcp", addr)
}

// warnAhead says that the daemon listens where nobody can come from yet.
func warnAhead(bind string, log *slog.Logger) {
	if bind == "" || onALink(bind) {
		return
	}
	log.Warn("no link has this address yet: nobody is served before one has it", "bindAddress", bind)
}

// onALink says whether a link of this machine has addr, an IP address; true if that is unknown
// or addr is every address.
func onALink(addr string) bool {
	a, err := netip.ParseAddr(addr)
	if err != nil || a.IsUnspecified() || a.IsLoopback() {
		return true
	}
	list, err := link.Interfaces()
	return err != nil || link.Has(list, a)
}
