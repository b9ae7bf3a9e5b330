package replica

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestNobodyAcknowledgesWhatHeCannotHave (R1, R2): reports that cannot be true
// end their connection and let no sender go.
func TestNobodyAcknowledgesWhatHeCannotHave(t *testing.T) {
	end := int64(100 * testRecord)
	tests := []struct {
		name    string
		reports []int64
	}{
		{"below zero", []int64{-1}}, {"least of all", []int64{math.MinInt64}}, {"beyond the end", []int64{end + 1}},
		{"far beyond the end", []int64{math.MaxInt64}}, {"going back", []int64{end, end - 1}},
		{"more than was sent", []int64{end, end + testRecord}}, {"junk of a health probe", []int64{0x474554202f204854}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, logOf(100, 1))
				defer p.end()
				nc, err := p.ln.dial("10.0.0.66")
				if err != nil {
					t.Fatal(err)
				}
				go func() { _, _ = io.Copy(io.Discard, nc) }()
				for _, r := range tt.reports {
					_, _ = nc.Write(appendReport(nil, r)) // it may be closed already
					synctest.Wait()
				}
				if n := len(p.conns()); n != 0 {
					t.Errorf("%d connections are left", n)
				}
				p.log.grow(1, 1)
				p.acks.Confirmed(p.log.Confirmed())
				for _, r := range p.answers() {
					if r.end == p.log.End() && r.err == nil {
						t.Errorf("released %+v", r)
					}
				}
			})
		})
	}
}

// TestSilentPeersAreLeft: who says nothing is gone after the silence that is
// allowed, and so is who says half a report.
func TestSilentPeersAreLeft(t *testing.T) {
	for _, said := range []int{0, 3} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, logOf(10, 1))
			defer p.end()
			nc, err := p.ln.dial("10.0.0.66")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := nc.Write(make([]byte, said)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(defaultSilence - time.Millisecond)
			if n := len(p.conns()); n != 1 {
				t.Errorf("%d connections before the time is over, want 1", n)
			}
			time.Sleep(time.Second)
			if n := len(p.conns()); n != 0 {
				t.Errorf("%d connections are left after %d bytes", n, said)
			}
		})
	}
}

// TestMastersThatFallSilentAreLeft: the original's slave stays for ever.
func TestMastersThatFallSilentAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipeListener()
		dials := 0
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			for {
				nc, err := ln.Accept()
				if err != nil {
					return
				}
				dials++
				go func() { _, _ = io.Copy(io.Discard, nc) }()
			}
		})
		s := NewSlave(SlaveOptions{Log: logOf(10, 1), Master: func() string { return "x" }, Dial: func(context.Context, string) (net.Conn, error) { return ln.dial("10.0.0.1") }})
		running.Go(func() { _ = s.Run(ctx) })
		time.Sleep(time.Minute)
		synctest.Wait()
		if dials < 2 || dials > 4 {
			t.Errorf("%d connections in a minute of silence; want one every 20 to 25 s", dials)
		}
		cancel()
		_ = ln.Close()
		running.Wait()
	})
}

// TestFiftyThousandStrangers (R3): nothing of them is kept, the log is not
// flooded, and the slave does not notice.
func TestFiftyThousandStrangers(t *testing.T) {
	count := 50_000
	if testing.Short() {
		count = 2_000
	}
	var lines bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		p := newPairOf(t, logOf(50, 1), Trust{}, slog.New(slog.NewTextHandler(&lines, nil)))
		defer p.end()
		p.follow(&memLog{})
		p.same()
		since := p.slave.Status().Since
		rng := rand.New(rand.NewPCG(1, 1))
		strangers := func(count int) {
			for i := range count {
				nc, err := p.ln.dial("10.0.0.66")
				if err != nil {
					t.Fatal(err)
				}
				junk := make([]byte, rng.IntN(20))
				for j := range junk {
					junk[j] = byte(rng.Uint32())
				}
				go func() {
					_, _ = nc.Write(junk)
					_, _ = io.Copy(io.Discard, nc)
				}()
				if i%100 == 0 {
					synctest.Wait()
				}
			}
			time.Sleep(2 * defaultSilence) // until the deadlines of all pipes are over
			synctest.Wait()
		}
		before := goroutines()
		strangers(count)
		if n := len(p.conns()); n != 1 {
			t.Errorf("%d connections are kept, want the slave's", n)
		}
		p.acks.mu.Lock()
		known := len(p.acks.slaves)
		p.acks.mu.Unlock()
		if grown := goroutines() - before; known != 1 || grown > 4 {
			t.Errorf("%d slaves are known, there are %d more goroutines", known, grown)
		}
		p.store(5, 2)
		p.same()
		if st := p.slave.Status(); !st.Connected || st.Since != since {
			t.Errorf("the slave noticed: %+v", st)
		}
	})
	if n := strings.Count(lines.String(), "\n"); n > 10 {
		t.Errorf("%d lines in the log", n)
	}
}

// TestAPeerThatComesAndGoes: a slave that is let in, or a master that is followed, does not fill the log by coming and
// going. What was left out is counted.
func TestAPeerThatComesAndGoes(t *testing.T) {
	const times = 3 * sayAtOnce
	count := func(lines, text string) int { return strings.Count(lines, `msg="`+text+`"`) }
	t.Run("slave", func(t *testing.T) {
		var lines bytes.Buffer
		synctest.Test(t, func(t *testing.T) {
			p := newPairOf(t, logOf(10, 1), Trust{}, slog.New(slog.NewTextHandler(&lines, nil)))
			defer p.end()
			come := func() {
				nc, err := p.ln.dial("10.0.0.2")
				if err != nil {
					t.Fatal(err)
				}
				_, _ = nc.Write(appendReport(nil, testRecord))
				synctest.Wait()
				_ = nc.Close()
				synctest.Wait()
			}
			for range times {
				come()
			}
			time.Sleep(time.Minute)
			come()
		})
		for _, text := range []string{"slave joined", "slave left"} {
			if n := count(lines.String(), text); n != sayAtOnce+1 {
				t.Errorf("it came %d times, and there are %d lines %q, want %d", times+1, n, text, sayAtOnce+1)
			}
		}
		if n := strings.Count(lines.String(), "suppressed=200"); n != 2 {
			t.Errorf("%d lines say how many were left out, want 2", n)
		}
	})
	t.Run("master", func(t *testing.T) {
		var lines bytes.Buffer
		synctest.Test(t, func(t *testing.T) {
			l := logOf(100, 1)
			ln := newPipeListener()
			ctx, cancel := context.WithCancel(t.Context())
			s := NewSlave(SlaveOptions{Log: l, Master: func() string { return "x" }, Notes: slog.New(slog.NewTextHandler(&lines, nil)),
				Dial: func(context.Context, string) (net.Conn, error) { return ln.dial("10.0.0.1") }})
			var running sync.WaitGroup
			running.Go(func() { _ = s.Run(ctx) })
			for i := range times { // each time it says that its log is somewhere else, and is asked again at once
				nc, err := ln.Accept()
				if err != nil {
					t.Fatal(err)
				}
				b := make([]byte, reportSize)
				if _, err := io.ReadFull(nc, b); err != nil {
					t.Fatal(err)
				}
				_, _ = nc.Write(appendHeader(nil, header{offset: l.End() - int64(1+i%100)}))
				synctest.Wait()
				_ = nc.Close()
			}
			cancel()
			_ = ln.Close()
			running.Wait()
		})
		if n := count(lines.String(), "not replicating"); n < sayAtOnce || n > sayAtOnce+60 {
			t.Errorf("it came %d times, and there are %d lines, want some more than %d", times, n, sayAtOnce)
		}
	})
}

// goroutines counts those there are; runtime.NumGoroutine is off by 32 now and
// then, while finished ones are put away.
func goroutines() int {
	buf := make([]byte, 1<<20)
	return bytes.Count(buf[:runtime.Stack(buf, true)], []byte("\ngoroutine "))
}

// A stream is a connection from which a fixed text comes.
type stream struct {
	net.Conn
	in io.Reader
}

func (s *stream) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *stream) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *stream) Read(b []byte) (int, error)       { return s.in.Read(b) }
func (s *stream) Write(b []byte) (int, error)      { return len(b), nil }
func (s *stream) SetReadDeadline(time.Time) error  { return nil }
func (s *stream) SetWriteDeadline(time.Time) error { return nil }
func (s *stream) Close() error                     { return nil }

// FuzzReceiver is a master that sends anything: the slave's log only grows by
// what fits its end, and what it had stays.
func FuzzReceiver(f *testing.F) {
	all := golden(f, "ha-4.9.7-master-to-slave")
	f.Add(all, uint8(0))
	f.Add(all[:200], uint8(3))
	var diverged []byte
	diverged = append(appendHeader(diverged, header{0, 64}), make([]byte, 64)...)
	f.Add(diverged, uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, records uint8) {
		l := logOf(int(records%16), 1)
		before := l.bytes()
		s := NewSlave(SlaveOptions{Log: l, Overlap: 2 * testRecord})
		end := l.End()
		from := max(min(end, 1), end-2*testRecord)
		r := &receiver{slave: s, log: l, nc: &stream{in: bytes.NewReader(in)}, addr: "x", from: from, least: 1, next: from, end: end, begun: make(chan struct{})}
		if err := r.receive(); err == nil {
			t.Fatal("a stream that ends must end the connection")
		}
		after := l.bytes()
		if kept := append(after[:min(len(after), len(before))], l.cut...); !bytes.Equal(kept[:min(len(kept), len(before))], before) {
			t.Fatalf("the log had %x, has %x, and %x aside", before, after, l.cut)
		}
		if grown := len(after) - len(before); grown > len(in) {
			t.Fatalf("%d bytes came and the log grew by %d", len(in), grown)
		}
	})
}

// FuzzMaster is a slave that reports anything: only what was sent, and never
// less than before, counts.
func FuzzMaster(f *testing.F) {
	f.Add(golden(f, "ha-4.9.7-slave-to-master"))
	f.Add(binary.BigEndian.AppendUint64(nil, math.MaxUint64))
	f.Fuzz(func(t *testing.T, in []byte) {
		l := logOf(200, 1)
		acks := NewAcks(AcksOptions{Release: func(end int64, err error) {
			if end > l.End() || end < 0 {
				t.Errorf("released %d, the log ends at %d", end, l.End())
			}
		}})
		m := NewMaster(MasterOptions{Source: l, Acks: acks})
		c := newMasterConn(m, &stream{in: bytes.NewReader(in)})
		_ = c.readReports() // it ends
		if acked := c.acked.Load(); acked < 0 || acked > l.End() {
			t.Errorf("acknowledged %d of %d", acked, l.End())
		}
	})
}
