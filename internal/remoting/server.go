package remoting

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"pairmq/internal/meter"
)

// ServerOptions says what a Server does with its connections.
type ServerOptions struct {
	Handler Handler // nil answers every request with RespRequestCodeNotSupported
	// OnClose, if set, is called once for each connection after it has ended
	// and Serve was called for it for the last time.
	OnClose func(*Conn)
	// Answers counts the answers by the codes of request and answer, those to oneway
	// requests too; nil counts none. Requests whose code is not supported count as 0.
	Answers *meter.Pairs
	// TooLarge, if set, is asked before the body of a frame of more than 64 KiB comes, with
	// the code of the request and the bytes of its body. What it returns is the answer, and
	// the body is read past, without memory for it; nil has it come. The code is 0 where the
	// header has more than 64 KiB too: what may come then is what may of any code, else the
	// connection ends. It is called by many goroutines, and must not block. Answers that
	// nobody waits for are read past, too.
	TooLarge func(code int32, body int) *Response
	Limits   Limits
	// TLS says which connections are taken. In modes other than TLSDisabled TLSConfig is
	// called for each that begins a handshake, on a goroutine of that connection.
	TLS       TLSMode
	TLSConfig func() *tls.Config
	Log       *slog.Logger // nil discards
}

// A Server serves requests on the connections of its listeners. Use NewServer.
// Its methods are safe for concurrent use.
type Server struct {
	shared    *shared
	mu        sync.Mutex // guards the rest
	listeners map[net.Listener]struct{}
	closed    bool
}

// NewServer returns a Server ready for Serve.
func NewServer(opts ServerOptions) *Server {
	s := &Server{
		shared:    newShared(opts.Limits, opts.Handler, opts.OnClose, opts.Answers, opts.Log),
		listeners: make(map[net.Listener]struct{}),
	}
	s.shared.door, s.shared.tooLarge = &door{opts.TLS, opts.TLSConfig}, opts.TooLarge
	return s
}

// Serve accepts connections from ln and serves them, until ctx ends or Shutdown
// is called, when it closes ln and returns nil; it returns an error if ln was
// closed by someone else. Accepting goes on after any other error. Connections
// outlive Serve: call Shutdown after it. Several Serves may run at a time.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if !s.listen(ln) {
		_ = ln.Close() // it was never used
		return nil
	}
	stop := context.AfterFunc(ctx, func() { s.unlisten(ln) })
	defer stop()
	defer s.unlisten(ln)
	var wait time.Duration
	for {
		nc, err := ln.Accept()
		if err == nil {
			wait = 0
			s.take(nc)
			continue
		}
		if !s.listens(ln) {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("remoting: accept on %v: %w", ln.Addr(), err)
		}
		if wait == 0 {
			s.shared.log.Warn("accept failed, trying again", "listener", ln.Addr(), "err", err)
		}
		wait = min(max(2*wait, 5*time.Millisecond), time.Second)
		pause(ctx, wait)
	}
}

// Shutdown stops accepting and reading, lets requests in flight have their
// replies and replies leave, closes the connections, and returns once all their
// goroutines have ended. When ctx ends first it closes what is left at once and
// returns ctx's error. The Server is of no more use.
func (s *Server) Shutdown(ctx context.Context) error { return s.ShutdownSoon(ctx, 0) }

// ShutdownSoon is Shutdown where others wait for the end: a peer that has not read its replies
// and hung up within patience of the last of them is cut off. Requests that have no
// reply yet are waited for as long as ctx lasts.
func (s *Server) ShutdownSoon(ctx context.Context, patience time.Duration) error {
	s.shared.patience.Store(int64(patience))
	s.mu.Lock()
	s.closed = true
	for ln := range s.listeners {
		_ = ln.Close() // Serve sees it
	}
	clear(s.listeners)
	s.mu.Unlock()
	s.shared.close(true)
	stop := context.AfterFunc(ctx, func() { s.shared.close(false) })
	s.shared.wg.Wait()
	if !stop() {
		return ctx.Err()
	}
	return nil
}

// take serves an accepted connection, or closes it if there are too many.
func (s *Server) take(nc net.Conn) {
	remote := nc.RemoteAddr()
	s.shared.taken.Add(1)
	if _, err := s.shared.start(nc, nc, s.shared.limits.ConnsPerAddr); err != nil && !errors.Is(err, ErrClosed) {
		s.shared.refused.Add(1)
		s.shared.drops.Log("connection refused", "remote", remote, "err", err)
	}
}

// listen notes ln; it returns false if the Server is shut down.
func (s *Server) listen(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.listeners[ln] = struct{}{}
	}
	return !s.closed
}

// listens says whether ln is still noted.
func (s *Server) listens(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.listeners[ln]
	return ok
}

// unlisten closes ln and forgets it.
func (s *Server) unlisten(ln net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.listeners[ln]; ok {
		delete(s.listeners, ln)
		_ = ln.Close() // nobody accepts from it any more
	}
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// ServerStats is what a Server has to do with.
type ServerStats struct {
	Conns             int   // connections there are
	Taken, Refused    int64 // since the start: that came, and of these, those beyond Limits
	Dropped           int64 // that were ended for what the peer did or did not do
	Paused            int64 // requests that were answered with too many: see Limits.Rate
	Bytes, BytesLimit int64 // in flight, and the limit: see Limits.BytesInFlight
}

// Stats returns it.
func (s *Server) Stats() ServerStats {
	sh := s.shared
	sh.mu.Lock()
	n := len(sh.conns)
	sh.mu.Unlock()
	return ServerStats{Conns: n, Taken: sh.taken.Load(), Refused: sh.refused.Load(), Dropped: sh.dropped.Load(), Paused: sh.paused.Load(),
		Bytes: sh.budget.used.Load(), BytesLimit: sh.budget.limit}
}
