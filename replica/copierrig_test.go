package replica_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"pairmq/internal/remoting"
	"pairmq/replica"
)

// copying is a Copier that runs, its metadata, and masters on a network of
// pipes, in a synctest bubble.
type copying struct {
	t    *testing.T
	c    *replica.Copier
	meta *memMetadata
	log  *bytes.Buffer // read it when nothing runs
	end  func()        // of the Copier's Run

	mu      sync.Mutex
	master  string
	same    bool
	changed int
	hosts   map[string]*pipes // by address
	asked   []string          // "code@port" in order, watches apart
	watches int               // requests 31004
	refused int               // requests 402 to a master that does not know them
	answers map[int32]func(*remoting.Request)
	dials   int
}

// copyTest runs f with a Copier that has just asked a 4.9.7 master for the first
// time: at m:10911, where hosts are m:10911 and m:10909.
func copyTest(t *testing.T, f func(t *testing.T, r *copying)) {
	synctest.Test(t, func(t *testing.T) {
		meta := newMemMetadata()
		r := newCopying(t, meta)
		r.meta = meta
		r.answersOf("4.9.7")
		r.found()
		f(t, r)
	})
}

// newCopying runs a Copier for meta until the test ends. It knows no master yet.
func newCopying(t *testing.T, meta replica.Metadata) *copying {
	r := &copying{t: t, log: new(bytes.Buffer), same: true,
		hosts: map[string]*pipes{}, answers: map[int32]func(*remoting.Request){}}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, addr := range []string{"m:10911", "m:10909"} {
		_, port, _ := strings.Cut(addr, ":")
		srv := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(func(req *remoting.Request) { r.serve(req, port) })})
		ln := newPipes()
		r.hosts[addr] = ln
		all.Go(func() {
			if err := srv.Serve(ctx, ln); err != nil {
				t.Errorf("Serve: %v", err)
			}
			now, stop := context.WithCancel(context.Background())
			stop()
			_ = srv.Shutdown(now) // at once, whatever has no answer
		})
	}
	client := remoting.NewClient(remoting.ClientOptions{Dial: r.dial})
	var err error
	r.c, err = replica.NewCopier(replica.CopierOptions{
		Metadata: meta, Client: client,
		Master:  func() string { return locked(&r.mu, func() string { return r.master }) },
		SameLog: func() bool { return locked(&r.mu, func() bool { return r.same }) },
		Changed: func() { locked(&r.mu, func() int { r.changed++; return 0 }) },
		Log:     slog.New(slog.NewTextHandler(r.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	copying, end := context.WithCancel(ctx)
	r.end = end
	all.Go(func() {
		if err := r.c.Run(copying); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = client.Close()
		all.Wait()
	})
	synctest.Wait() // it has found that it knows no master
	return r
}

// locked calls f with mu held.
func locked[T any](mu *sync.Mutex, f func() T) T {
	mu.Lock()
	defer mu.Unlock()
	return f()
}

// set changes the rig while its goroutines wait.
func (r *copying) set(f func()) { locked(&r.mu, func() int { f(); return 0 }) }

// found lets the Copier know where its master is, and returns when it has asked.
func (r *copying) found() {
	r.set(func() { r.master = "m:10911" })
	r.now()
}

// now has the Copier ask at once, and returns when it has.
func (r *copying) now() {
	r.c.Now()
	synctest.Wait()
}

// answersOf makes the master answer what one of version did.
func (r *copying) answersOf(version string) {
	for _, code := range []int32{21, 43, 45, 201} {
		text, err := os.ReadFile(fmt.Sprintf("testdata/metadata/%s-%d.txt", version, code))
		if err != nil {
			r.t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		r.answer(code, lines[len(lines)-1])
	}
}

// answer makes the master answer code with body and these fields.
func (r *copying) answer(code int32, body string, fields ...string) {
	r.answerBy(code, func(req *remoting.Request) {
		resp := &remoting.Response{Body: []byte(body)}
		for i := 0; i+1 < len(fields); i += 2 {
			resp.Fields.Add(fields[i], fields[i+1])
		}
		req.Reply(resp)
	})
}

func (r *copying) answerBy(code int32, f func(*remoting.Request)) {
	r.set(func() { r.answers[code] = f })
}

func (r *copying) serve(req *remoting.Request, port string) {
	if req.Code == remoting.ReqWatchMetadata {
		r.mu.Lock()
		r.watches++
		f := r.answers[req.Code]
		r.mu.Unlock()
		if f == nil { // as Apache's brokers do
			req.ReplyError(remoting.RespRequestCodeNotSupported, "request type 31004 not supported")
			return
		}
		f(req)
		return
	}
	ours := locked(&r.mu, func() bool { return r.answers[remoting.ReqWatchMetadata] != nil })
	if len(req.Fields) != 0 && !ours || len(req.Body) != 0 {
		r.t.Errorf("request %d has fields %v and %d bytes; a 5.4.0 master would answer a page", req.Code, req.Fields, len(req.Body))
	}
	r.mu.Lock()
	f := r.answers[req.Code]
	r.mu.Unlock()
	if f == nil && req.Code == remoting.ReqGetAllMessageRequestMode { // as 4.9.7
		r.set(func() { r.refused++ })
		req.ReplyError(remoting.RespRequestCodeNotSupported, "request type 402 not supported")
		return
	}
	r.set(func() { r.asked = append(r.asked, fmt.Sprintf("%d@%s", req.Code, port)) })
	f(req)
}

// requests returns what was asked since it was called last.
func (r *copying) requests() string {
	return locked(&r.mu, func() string {
		all := strings.Join(r.asked, " ")
		r.asked = nil
		return all
	})
}

// logged says how many lines of the log have all these words.
func (r *copying) logged(words ...string) (n int) {
	for line := range strings.Lines(r.log.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			n++
		}
	}
	return n
}

func (r *copying) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	r.mu.Lock()
	r.dials++
	ln, there := r.hosts[addr]
	r.mu.Unlock()
	if !there {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	select {
	case ln.conns <- far:
		return near, nil
	case <-ln.gone:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pipes is a listener for the ends of pipes.
type pipes struct {
	conns chan net.Conn
	gone  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), gone: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.gone:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.gone) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }
