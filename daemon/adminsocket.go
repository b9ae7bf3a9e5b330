package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"pairmq/daemon/config"
	"pairmq/daemon/rights"
	"pairmq/internal/lifecycle"
	"pairmq/internal/remoting"
	"pairmq/internal/warner"

	"golang.org/x/sys/unix"
)

// socketName is the socket's in the folder that systemd makes.
const socketName = "pairmqd.sock"

// maxAdminConns is how many connections of the socket are served at a time: each is a command.
const maxAdminConns = 64

// errSocketTaken is wrapped where another daemon has the socket.
var errSocketTaken = errors.New("another pairmqd has this socket")

// An adminSocket is where the command line of this machine asks the daemon: the same
// requests as at its ports, of users that the kernel vouches for. It is open for as long as
// the process lives; who connects is served by the broker's tenure at that moment, or
// without one, by the name server alone. A nil one is none.
type adminSocket struct {
	ln     *net.UnixListener
	lock   *os.File // locked: no other daemon takes the path
	log    *slog.Logger
	limits remoting.Limits
	alone  bool                              // there is a name server and no broker
	own    map[int32]func(*remoting.Request) // what the process says of itself
	names  remoting.Handler                  // the name server; nil: there is none
	left   func(*remoting.Conn)              // is told of connections that have ended, for names; nil with it

	mu   sync.Mutex // guards the rest
	hand *handed    // where the tenure that serves accepts; nil: there is none
	idle *idle      // serves meanwhile
}

// socketPath is where the configuration wants the socket; "" for none. folders are those
// that systemd has made for RuntimeDirectory=.
func socketPath(cfg *config.Config, folders string) string {
	if cfg.AdminSocket != config.AutoSocket {
		return cfg.AdminSocket
	}
	folder, _, _ := strings.Cut(folders, ":")
	if folder == "" {
		return ""
	}
	return filepath.Join(folder, socketName)
}

// newAdminSocket opens the socket that the configuration wants; nil without one. That of
// auto is no reason not to serve messages.
func newAdminSocket(cfg *config.Config, folders string, log *slog.Logger) (*adminSocket, error) {
	log = log.With("part", "admin socket")
	path := socketPath(cfg, folders)
	if path == "" {
		return nil, nil
	}
	s, err := openAdminSocket(path, log)
	if err != nil && cfg.AdminSocket == config.AutoSocket {
		log.Error("no socket for pairmq on this machine: it asks at the ports instead", "adminSocket", path, "err", err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("adminSocket: %w", err)
	}
	s.alone, s.limits = !cfg.EnableBroker, limits(cfg)
	s.limits.Conns = min(s.limits.Conns, maxAdminConns)
	s.idle = s.newIdle()
	return s, nil
}

// openAdminSocket listens at path, where a daemon that was killed may have left a socket.
// It fails with errSocketTaken if one that lives has it.
func openAdminSocket(path string, log *slog.Logger) (*adminSocket, error) {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close() // nothing was written
		return nil, fmt.Errorf("%w: %s: %w", errSocketTaken, path, err)
	}
	s := &adminSocket{lock: lock, log: log}
	if s.ln, err = listenAnew(path); err != nil {
		lock.Close() // nothing was written
		return nil, err
	}
	return s, nil
}

// listenAnew listens at path in place of a socket that nobody listens at: the caller knows.
func listenAnew(path string) (*net.UnixListener, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%s is there and is no socket: remove it, or name another path", path)
	default:
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil { // before, the umask lets nobody else write, which it takes to connect
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// close removes the socket. What was not accepted is refused.
func (s *adminSocket) close() error {
	if s == nil {
		return nil
	}
	return errors.Join(s.ln.Close(), s.lock.Close())
}

// run accepts until ctx ends.
func (s *adminSocket) run(ctx context.Context) error {
	strangers := newHanded(s.ln.Addr())
	refusing := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(refuseUser), Limits: remoting.Limits{Conns: 16, Frame: 64 << 10, BytesInFlight: 256 << 10}, Log: s.log})
	g := lifecycle.NewGroup(ctx)
	g.Go("strangers", func(ctx context.Context) error { return refusing.Serve(ctx, strangers) })
	g.Go("accept", func(ctx context.Context) error { return s.accept(ctx, strangers) })
	err := g.Wait()
	s.replaceIdle(nil, nil).end()
	drain(refusing, drainTime, s.log)
	return err
}

// accept gives each connection to who serves it.
func (s *adminSocket) accept(ctx context.Context, strangers *handed) error {
	stop := context.AfterFunc(ctx, func() { _ = s.ln.Close() }) // which removes it
	defer stop()
	refusal := warner.Warner{To: s.log, Level: slog.LevelWarn}
	wait := lifecycle.Backoff{Min: 5 * time.Millisecond, Max: time.Second}
	for {
		nc, err := s.ln.AcceptUnix()
		if ctx.Err() != nil {
			if err == nil {
				_ = nc.Close() // nothing was sent on it
			}
			return nil
		}
		if err != nil {
			refusal.Log("accept failed, trying again", "err", err)
			wait.Wait(ctx)
			continue
		}
		wait.Reset()
		peer, err := peerOf(nc)
		if err != nil || !peer.trusted(os.Geteuid(), os.Getegid()) {
			refusal.Log("somebody may not use the admin socket", "uid", peer.uid, "gid", peer.gid, "err", err)
			strangers.take(local{nc})
			continue
		}
		s.log.Debug("connected", "uid", peer.uid)
		if hand, idle := s.current(); hand == nil || !hand.give(local{nc}) {
			idle.take(local{nc})
		}
	}
}

// current returns who serves.
func (s *adminSocket) current() (hand, idle *handed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hand, s.idle.handed
}

// replaceIdle changes both who serves and who does without, which was idle before.
func (s *adminSocket) replaceIdle(hand *handed, next *idle) (before *idle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.hand = s.idle, hand
	if next != nil {
		s.idle = next
	}
	return before
}

// An idle serves while no broker does.
type idle struct {
	*handed
	srv *remoting.Server
	log *slog.Logger
}

func (s *adminSocket) newIdle() *idle {
	i := &idle{newHanded(s.ln.Addr()), s.server(nil, nil, s.log), s.log}
	go func() { _ = i.srv.Serve(context.Background(), i.handed) }() // until end; it fails never
	return i
}

// end has those connect again who came while no broker served.
func (i *idle) end() { drain(i.srv, drainTime, i.log) }

// serve has srv serve who connects, until ctx ends. One srv at a time does.
func (s *adminSocket) serve(ctx context.Context, srv *remoting.Server) error {
	h := newHanded(s.ln.Addr())
	before := s.replaceIdle(h, s.newIdle())
	var ended sync.WaitGroup
	ended.Go(before.end) // who is slow to hang up there keeps nobody waiting here
	err := srv.Serve(ctx, h)
	s.replaceIdle(nil, nil)
	ended.Wait()
	return err
}

// server returns one for serve: of a broker that wants to hear of connections that have
// ended, or of none.
func (s *adminSocket) server(broker remoting.Handler, closed func(*remoting.Conn), log *slog.Logger) *remoting.Server {
	return remoting.NewServer(remoting.ServerOptions{Handler: s.guarded(broker), OnClose: s.closed(closed), Limits: s.limits, Log: log})
}

// guarded serves what has a row in the table of rights: who is here has every right.
// Without a broker what it would serve is refused.
func (s *adminSocket) guarded(broker remoting.Handler) remoting.Handler {
	return rights.New(rights.Options{Log: s.log}).Ahead(remoting.HandlerFunc(func(req *remoting.Request) {
		row, _ := rights.Of(req.Code)
		switch answer := s.own[req.Code]; {
		case broker != nil && !row.Names:
			broker.Serve(req)
		case answer != nil:
			answer(req)
		case s.names != nil && (row.Names || s.alone):
			s.names.Serve(req)
		case row.Names:
			req.ReplyError(remoting.RespRequestCodeNotSupported, "this daemon has no name server")
		default:
			req.ReplyError(remoting.RespServiceNotAvailable, "the broker does not serve now: it is starting, stopping or on its way to another role")
		}
	}))
}

// closed tells broker, if it wants, and the name server that a connection has ended.
func (s *adminSocket) closed(broker func(*remoting.Conn)) func(*remoting.Conn) {
	return func(c *remoting.Conn) {
		if broker != nil {
			broker(c)
		}
		if s.left != nil {
			s.left(c)
		}
	}
}

// refuseUser answers who may not be here.
func refuseUser(req *remoting.Request) {
	req.ReplyError(remoting.RespNoPermission, "this socket is for root, the user that pairmqd runs as, and the members of its group (as installed: usermod -a -G pairmq USER)")
}

// A handed is a listener of connections that were accepted elsewhere.
type handed struct {
	addr  net.Addr
	conns chan net.Conn
	over  chan struct{}
	close func()
}

func newHanded(addr net.Addr) *handed {
	h := &handed{addr: addr, conns: make(chan net.Conn), over: make(chan struct{})}
	h.close = sync.OnceFunc(func() { close(h.over) })
	return h
}

// give hands a connection over; false if the listener is closed.
func (h *handed) give(nc net.Conn) bool {
	select {
	case h.conns <- nc:
		return true
	case <-h.over:
		return false
	}
}

// take is give of a connection that nobody else wants.
func (h *handed) take(nc net.Conn) {
	if !h.give(nc) {
		_ = nc.Close() // nothing was sent on it
	}
}

// Accept implements net.Listener.
func (h *handed) Accept() (net.Conn, error) {
	select {
	case nc := <-h.conns:
		return nc, nil
	case <-h.over:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handed) Close() error { h.close(); return nil }

// Addr implements net.Listener.
func (h *handed) Addr() net.Addr { return h.addr }

// A local is a connection of this machine, and says so as one of loopback would: messages
// and logs have the address of who sends. No connection over TCP has port 0.
type local struct{ *net.UnixConn }

// RemoteAddr implements net.Conn.
func (local) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// LocalAddr implements net.Conn.
func (local) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
