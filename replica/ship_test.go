package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A lendingLog is a memLog that also lends its segments as files.
type lendingLog struct {
	*memLog
	dir string

	mu   sync.Mutex
	lent int   // how many
	cut  int64 // bytes missing at the end of lent files
	err  error
}

// lendingLogOf makes a log of n bytes in segments of size.
func lendingLogOf(t *testing.T, n, size int64) *lendingLog {
	l := &lendingLog{memLog: &memLog{size: size, data: make([]byte, n)}, dir: t.TempDir()}
	_, _ = rand.NewChaCha8([32]byte{1}).Read(l.data) // it cannot fail
	return l
}

func (l *lendingLog) Lend(off int64) (*os.File, int64, error) {
	base := off - off%l.size
	if base+l.size > l.Confirmed() {
		return nil, 0, nil
	}
	if start := l.Start(); off < start {
		return nil, 0, fmt.Errorf("lendingLog: %d is before %d: %w", off, start, fs.ErrNotExist)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lent++
	if l.err != nil {
		return nil, 0, l.err
	}
	name := filepath.Join(l.dir, fmt.Sprint(base))
	if _, err := os.Stat(name); err != nil {
		if err := os.WriteFile(name, l.data[base:base+l.size-l.cut], 0o600); err != nil {
			return nil, 0, err
		}
	}
	f, err := os.Open(name)
	return f, base, err
}

// serveTCP runs a master of log on loopback and returns where.
func serveTCP(t *testing.T, o MasterOptions) (m *Master, addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Acks = NewAcks(AcksOptions{Release: func(int64, error) {}})
	m = NewMaster(o)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- m.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return m, ln.Addr().String()
}

// joinAt connects and reports where it wants to begin.
func joinAt(t *testing.T, addr string, from int64) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Write(appendReport(nil, from)); err != nil {
		t.Fatal(err)
	}
	return nc
}

// frame reads one transfer.
func frame(nc io.Reader) (h header, body []byte, err error) {
	b := make([]byte, headerSize)
	if _, err := io.ReadFull(nc, b); err != nil {
		return h, nil, err
	}
	if h, err = parseHeader(b); err != nil {
		return h, nil, err
	}
	body = make([]byte, h.size)
	_, err = io.ReadFull(nc, body)
	return h, body, err
}

// TestShippedIsWhatIsRead: both ways give the same transfers, at the ends of
// segments and from anywhere, and only slaves of ours get long ones.
func TestShippedIsWhatIsRead(t *testing.T) {
	const size = 3*oursBatch/2 + 12345
	lending := lendingLogOf(t, 3*size+777, size)
	for _, tt := range []struct {
		name  string
		src   Source
		ours  bool
		rate  int64
		most  int // bytes of one body
		lends bool
	}{
		{name: "read", src: lending.memLog, most: defaultBatch},
		{name: "read, of ours", src: lending.memLog, ours: true, most: defaultBatch},
		{name: "shipped", src: lending, most: defaultBatch, lends: true},
		{name: "shipped, of ours", src: lending, ours: true, most: oursBatch, lends: true},
		{name: "shipped, slowly", src: lending, ours: true, rate: 2 << 20, most: 256 << 10, lends: true},
	} {
		for _, from := range []int64{1, size - 1, size, 2*size - 5, 3 * size, 3*size + 776} {
			if tt.rate > 0 && from < 2*size-5 {
				continue
			}
			t.Run(fmt.Sprintf("%s from %d", tt.name, from), func(t *testing.T) {
				m, addr := serveTCP(t, MasterOptions{Source: tt.src, Rate: tt.rate})
				if tt.ours {
					m.Ours(netip.MustParseAddr("::ffff:127.0.0.1"))
				}
				lending.lent = 0
				nc := joinAt(t, addr, from)
				longest, next := 0, from
				for end := lending.End(); next < end; {
					h, body, err := frame(nc)
					if err != nil || h.offset != next || h.size == 0 {
						t.Fatalf("frame at %d: %+v, %v", next, h, err)
					}
					if h.offset/size != (h.offset+int64(h.size)-1)/size {
						t.Fatalf("frame %+v crosses the end of a segment of %d", h, int64(size))
					}
					if !bytes.Equal(body, lending.data[next:next+int64(h.size)]) {
						t.Fatalf("frame %+v has other bytes than the log", h)
					}
					longest, next = max(longest, h.size), next+int64(h.size)
				}
				want := tt.most
				if from >= 2*size-5 {
					want = min(want, longest)
				}
				if longest > tt.most || longest < want {
					t.Errorf("the longest body has %d bytes, want %d", longest, tt.most)
				}
				if lends := tt.lends && from < 3*size; (lending.lent > 0) != lends {
					t.Errorf("%d segments were lent", lending.lent)
				}
			})
		}
	}
}

// TestFailuresOfShipping end the connection, and no body is completed with what
// is not the log's.
func TestFailuresOfShipping(t *testing.T) {
	const size = 256 << 10
	for _, tt := range []struct {
		name  string
		spoil func(*lendingLog)
		sound int64 // bytes that may come
	}{
		{"the file is too short", func(l *lendingLog) { l.cut = 1000 }, size - 1000},
		{"it cannot be opened", func(l *lendingLog) { l.err = errors.New("no") }, 0},
		{"it is given back", func(l *lendingLog) { l.start = 2 * size }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := lendingLogOf(t, 3*size, size)
			tt.spoil(l)
			_, addr := serveTCP(t, MasterOptions{Source: l})
			nc := joinAt(t, addr, 1)
			got, err := io.ReadAll(nc) // it ends when the master hangs up
			if err != nil {
				t.Fatal(err)
			}
			in, next := bytes.NewReader(got), int64(1)
			for {
				h, body, err := frame(in)
				if err != nil {
					break
				}
				if h.size == 0 { // it says where the log begins
					continue
				}
				if next += int64(h.size); next > tt.sound || !bytes.Equal(body, l.data[h.offset:h.offset+int64(h.size)]) {
					t.Fatalf("frame %+v came whole, sound are %d bytes", h, tt.sound)
				}
			}
		})
	}
}

// TestASlaveThatStopsReadingIsLeft while the kernel sends to it, and the file is
// closed.
func TestASlaveThatStopsReadingIsLeft(t *testing.T) {
	l := lendingLogOf(t, 20<<20, 10<<20) // more than sockets buffer
	f, _, err := l.Lend(1)               // the file is written now
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	m, addr := serveTCP(t, MasterOptions{Source: l, Silence: 500 * time.Millisecond})
	nc := joinAt(t, addr, 1)
	if _, _, err := frame(nc); err != nil {
		t.Fatal(err)
	}
	for len(m.Slaves()) > 0 { // reports keep it from being left for its own silence
		if _, err := nc.Write(appendReport(nil, 1)); err != nil {
			break
		}
	}
	waitClosed(t, l.dir)
}

// A slowSocket takes so many bytes each time until its deadline.
type slowSocket struct {
	takes []int64
	took  int64
}

func (s *slowSocket) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.CopyN(io.Discard, r, min(s.takes[0], r.(*io.LimitedReader).N))
	s.takes, s.took = s.takes[1:], s.took+n
	if err == nil {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// TestASlowSlaveIsKept as long as it takes anything in the time it has.
func TestASlowSlaveIsKept(t *testing.T) {
	const size = 1000
	for _, tt := range []struct {
		takes []int64
		want  int64
	}{
		{[]int64{1, 99, 900}, size}, {[]int64{1, 0, 999}, 1}, {[]int64{0}, 0},
	} {
		a, b := net.Pipe()
		defer a.Close()
		defer b.Close()
		l := lendingLogOf(t, size, size)
		to := &slowSocket{takes: tt.takes}
		c := newMasterConn(NewMaster(MasterOptions{Source: l, Acks: NewAcks(AcksOptions{})}), a)
		c.shipper = &shipper{lender: l, to: to}
		if n, err := c.shipper.load(0, size); n != size || err != nil {
			t.Fatal(n, err)
		}
		err := c.body(size)
		c.shipper.close()
		if kept := err == nil; to.took != tt.want || kept != (tt.want == size) || !kept && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a slave that takes %v got %d bytes, %v; want %d", tt.takes, to.took, err, tt.want)
		}
	}
}

// TestRetentionOvertakesASlaveThatIsSent: it hears no more of what was given
// back, although its master still has the file.
func TestRetentionOvertakesASlaveThatIsSent(t *testing.T) {
	const size = 10 << 20
	l := lendingLogOf(t, 2*size, size)
	_, addr := serveTCP(t, MasterOptions{Source: l})
	nc := joinAt(t, addr, 1)
	if _, _, err := frame(nc); err != nil {
		t.Fatal(err)
	}
	l.memLog.mu.Lock()
	l.start, l.data = size, l.data[size:]
	l.memLog.mu.Unlock()
	if n, err := io.Copy(io.Discard, nc); err != nil || n >= size-2*defaultBatch {
		t.Errorf("%d bytes came after the segment was given back, %v", n, err)
	}
	waitClosed(t, l.dir)
}

// waitClosed waits until this process has no file below dir open.
func waitClosed(t *testing.T, dir string) {
	t.Helper()
	for open := true; open; {
		open = false
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if name, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && filepath.Dir(name) == dir {
				open = true
			}
		}
	}
}

func TestKinIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k kin
		addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}) }
		for i := range mostKin + 1 {
			k.note(addr(i))
			time.Sleep(time.Second)
		}
		if k.has(addr(0)) || !k.has(addr(1)) || !k.has(netip.MustParseAddr("::ffff:10.0.0.1")) || len(k.seen) != mostKin {
			t.Errorf("of %d addresses %d are remembered, want all but the oldest", mostKin+1, len(k.seen))
		}
		time.Sleep(kinTime - 70*time.Second)
		k.note(addr(5))
		time.Sleep(70 * time.Second)
		if k.has(addr(1)) || !k.has(addr(5)) {
			t.Errorf("remembered: %v and %v, want only who was seen again", k.has(addr(1)), k.has(addr(5)))
		}
	})
}

// TestALastingConnectionKeepsItsKin: the time counts from its end.
func TestALastingConnectionKeepsItsKin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(10, 1))
		defer p.end()
		addr := netip.MustParseAddr("10.0.0.2")
		p.master.Ours(addr)
		p.follow(&memLog{})
		p.same()
		time.Sleep(3 * kinTime)
		for _, c := range p.conns() {
			c.close(errors.New("the link is down"))
		}
		synctest.Wait()
		if !p.master.kin.has(addr) {
			t.Error("forgotten at the end of the connection")
		}
	})
}
