package metrics

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// serve runs a server on loopback until the test ends.
func serve(t *testing.T, s *Server) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// ask sends a request as it is and returns the answer.
func ask(t *testing.T, addr, request string) (*http.Response, string) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(nc), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestWhatTheServerAnswers(t *testing.T) {
	sick := errors.New("the disk is gone")
	for _, tt := range []struct {
		request string
		healthy error
		code    int
		body    string
	}{
		{"GET /metrics", nil, 200, "pairmq_x 1\n"},
		{"GET /metrics?a=b", sick, 200, "pairmq_x 1\n"},
		{"HEAD /metrics", nil, 200, ""},
		{"GET /healthz", nil, 200, "ok\n"},
		{"GET /healthz", sick, 503, "the disk is gone\n"},
		{"GET /", nil, 404, "there are /metrics and /healthz\n"},
		{"GET /debug/pprof/", nil, 404, "there are /metrics and /healthz\n"},
		{"POST /metrics", nil, 405, "only GET and HEAD\n"},
		{"DELETE /healthz", nil, 405, "only GET and HEAD\n"},
	} {
		addr := serve(t, NewServer(func() []byte { return []byte("pairmq_x 1\n") }, func() error { return tt.healthy }))
		resp, body := ask(t, addr, tt.request+" HTTP/1.1\r\nHost: x\r\n\r\n")
		if resp.StatusCode != tt.code || body != tt.body {
			t.Errorf("%s: %d %q, want %d %q", tt.request, resp.StatusCode, body, tt.code, tt.body)
		}
		if tt.code == 200 && strings.Contains(tt.request, "metrics") && (resp.Header.Get("Content-Type") != contentType || resp.ContentLength != 11) {
			t.Errorf("%s: %d bytes of %q", tt.request, resp.ContentLength, resp.Header.Get("Content-Type"))
		}
		if !resp.Close {
			t.Errorf("%s: the connection is kept", tt.request)
		}
	}
}

func TestAHugeHeaderIsRefused(t *testing.T) {
	addr := serve(t, NewServer(func() []byte { return nil }, func() error { return nil }))
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, _ = io.WriteString(nc, "GET /metrics HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 3*maxHeader)+"\r\n\r\n") // the server may hang up meanwhile
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err == nil && resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge { // otherwise it has hung up
		t.Errorf("the answer is %d, want 431", resp.StatusCode)
	}
}

// TestThoseWhoOnlyConnectDoNotKeepOthersOut opens as many connections as there are
// places, and says nothing on them; one more is answered when their time is over.
func TestThoseWhoOnlyConnectDoNotKeepOthersOut(t *testing.T) {
	s := NewServer(func() []byte { return []byte("x 1\n") }, func() error { return nil })
	s.read = 300 * time.Millisecond
	addr := serve(t, s)
	for range maxConns {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
	}
	began := time.Now()
	if resp, body := ask(t, addr, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); resp.StatusCode != 200 || body != "x 1\n" {
		t.Errorf("the answer is %d %q", resp.StatusCode, body)
	}
	if took := time.Since(began); took < s.read/2 {
		t.Errorf("the answer came after %v, want %v or more: there are %d places", took, s.read, maxConns)
	}
}

func TestManyWhoAskCostOnePage(t *testing.T) {
	var mu sync.Mutex
	made := 0
	s := NewServer(func() []byte { mu.Lock(); defer mu.Unlock(); made++; return []byte("x 1\n") }, nil)
	now := time.Now()
	for range 10 {
		s.current(now)
	}
	s.current(now.Add(pageAge - 1))
	if made != 1 {
		t.Errorf("%d pages were made within a second", made)
	}
	if s.current(now.Add(pageAge)); made != 2 {
		t.Errorf("a page of a second ago is shown: %d were made", made)
	}
}
