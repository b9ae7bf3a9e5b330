package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Bounds of a Server: nobody who scrapes comes near them, and who means harm takes
// no more.
const (
	maxConns    = 8
	maxHeader   = 8 << 10 // bytes
	readTime    = 5 * time.Second
	writeTime   = 10 * time.Second
	pageAge     = time.Second // so old a page may be: however many ask
	contentType = "text/plain; version=0.0.4; charset=utf-8"
)

// A Server answers GET and HEAD of /metrics with the page, and of /healthz with
// whether the daemon serves, and nothing else.
type Server struct {
	page    func() []byte
	healthy func() error
	read    time.Duration // for a request to come; readTime but in tests

	mu   sync.Mutex // one makes a page at a time
	text []byte
	made time.Time
}

// NewServer returns a Server of what page returns. healthy says why the daemon does
// not serve; nil if it does. Both are called from any goroutine.
func NewServer(page func() []byte, healthy func() error) *Server {
	return &Server{page: page, healthy: healthy, read: readTime}
}

// Serve answers on ln until ctx ends; it closes ln.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler: s, ReadHeaderTimeout: s.read, ReadTimeout: s.read, WriteTimeout: writeTime, MaxHeaderBytes: maxHeader,
		ErrorLog: log.New(io.Discard, "", 0), // what strangers can cause at will
	}
	srv.SetKeepAlivesEnabled(false) // a scrape is rare, and an open connection would keep one of few places
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(&limited{Listener: ln, places: make(chan struct{}, maxConns)}); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics: serve on %v: %w", ln.Addr(), err)
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	switch r.URL.Path {
	case "/metrics":
		text := s.current(time.Now())
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text) // who asked has gone otherwise
	case "/healthz":
		if err := s.healthy(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	default:
		http.Error(w, "there are /metrics and /healthz", http.StatusNotFound)
	}
}

// current returns the page, which is made anew if it is old.
func (s *Server) current(now time.Time) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text == nil || now.Sub(s.made) >= pageAge {
		s.text, s.made = s.page(), now
	}
	return s.text
}

// A limited listener accepts only while there are places; others wait in the
// kernel's queue.
type limited struct {
	net.Listener
	places chan struct{}
}

// Accept waits for a place, and then for a connection.
func (l *limited) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	nc, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: nc, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// A placed connection gives its place back when it is closed.
type placed struct {
	net.Conn
	leave func()
}

// Close closes it.
func (c *placed) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
