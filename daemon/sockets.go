package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"

	"github.com/coreos/go-systemd/v22/activation"
)

// sockets are those that systemd holds open for the daemon, by port. Who connects
// while the daemon restarts, or goes on in another role, waits in them instead of
// being refused. They are open for as long as the process lives; nil has none.
type sockets map[int]*os.File

// A platform is what the daemon takes from the one that it runs on.
type platform struct {
	sockets
	open opener // opens the store's folder
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
			ln, err = net.Listen("tcp", net.JoinHostPort(bind, strconv.Itoa(p)))
		}
		if err != nil {
			for _, l := range all {
				err = errors.Join(err, l.Close())
			}
			return nil, fmt.Errorf("listen on port %d: %w; is another broker or name server running?", p, err)
		}
		all = append(all, ln)
	}
	return all, nil
}
