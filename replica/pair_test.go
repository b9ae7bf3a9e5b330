package replica

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A pair is a master and a slave, with a network of pipes between them, in a
// synctest bubble.
type pair struct {
	t       *testing.T
	log     *memLog // the master's
	copy    *memLog // the slave's
	acks    *Acks
	master  *Master
	slave   *Slave
	ln      *pipeListener
	trusts  Trust   // the slave's
	tap     *tapped // what comes to it, if somebody wants to see that
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	released []release
	down     bool // the network
}

type release struct {
	end int64
	err error
}

// newPair runs a master that has log; follow adds the slave.
func newPair(t *testing.T, log *memLog) *pair {
	return newPairOf(t, log, Trust{}, slog.New(slog.DiscardHandler))
}

// newPairOf is newPair with a master that trusts some, and what it logs.
func newPairOf(t *testing.T, log *memLog, trust Trust, notes *slog.Logger) *pair {
	p := &pair{t: t, log: log, ln: newPipeListener()}
	p.acks = NewAcks(AcksOptions{Release: func(end int64, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.released = append(p.released, release{end, err})
	}})
	p.master = NewMaster(MasterOptions{Source: log, Acks: p.acks, Batch: 100, MaxSlaves: 4, Trust: trust, Log: notes})
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.running.Go(func() {
		if err := p.master.Serve(ctx, p.ln); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	p.running.Go(func() { _ = p.acks.Run(ctx) })
	t.Cleanup(func() { cancel(); p.running.Wait() })
	return p
}

func (p *pair) follow(copy *memLog) {
	p.copy = copy
	p.slave = NewSlave(SlaveOptions{Log: copy, Master: func() string { return "master:10912" }, Overlap: 4 * testRecord, Dial: p.dial, Trust: p.trusts})
	copy.mu.Lock()
	copy.appended = p.slave.Grown
	copy.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	p.running.Go(func() { _ = p.slave.Run(ctx) })
	p.t.Cleanup(cancel)
	stop := p.cancel
	p.cancel = func() { cancel(); stop() }
}

func (p *pair) dial(context.Context, string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return nil, errors.New("no route")
	}
	nc, err := p.ln.dial("10.0.0.2")
	if p.tap != nil && err == nil {
		return tap{nc, p.tap}, nil
	}
	return nc, err
}

// end stops everything; a bubble must not outlive its goroutines.
func (p *pair) end() { p.cancel(); p.running.Wait() }

// same waits a little and demands that the slave has the master's log.
func (p *pair) same() {
	p.t.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	if got, want := p.copy.bytes(), p.log.bytes(); !bytes.Equal(got, want) {
		p.t.Fatalf("the copy has %d bytes, the log %d, or they differ; %+v", len(got), len(want), p.slave.Status())
	}
}

// store adds records at the master and has them confirmed.
func (p *pair) store(n int, seed byte) {
	p.log.grow(n, seed)
	p.master.Grown()
	p.acks.Confirmed(p.log.Confirmed())
}

func (p *pair) answers() []release {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.released
	p.released = nil
	return all
}

// A pipeListener accepts pipes.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	gone  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), gone: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.gone:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.gone) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// dial connects from an address.
func (l *pipeListener) dial(from string) (net.Conn, error) {
	a, b := net.Pipe()
	addr := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 4711))
	select {
	case l.conns <- addressed{b, addr}:
		return a, nil
	case <-l.gone:
		return nil, net.ErrClosed
	}
}

// addressed is a pipe that comes from somewhere.
type addressed struct {
	net.Conn
	from net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.from }

func TestSlaveCopiesAndAcknowledges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(100, 1))
		defer p.end()
		p.follow(&memLog{})
		p.same()
		p.store(50, 2)
		p.same()
		if got := p.answers(); len(got) == 0 || got[len(got)-1] != (release{p.log.End(), nil}) {
			t.Errorf("released %+v; want all up to %d", got, p.log.End())
		}
		st := p.master.Slaves()
		if len(st) != 1 || st[0].Acked != p.log.End() || st[0].Sent != p.log.End() {
			t.Errorf("Slaves() = %+v, want one at %d", st, p.log.End())
		}
		if s := p.slave.Status(); !s.Connected || s.End != p.log.End() || s.Err != nil {
			t.Errorf("Status() = %+v", s)
		}
	})
}

// TestOnlyWhatIsFlushedIsAcknowledged: a slave whose disk lags must not let a
// sender go.
func TestOnlyWhatIsFlushedIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(10, 1))
		defer p.end()
		p.follow(&memLog{})
		p.same()
		p.copy.mu.Lock()
		p.copy.unacked = testRecord
		p.copy.mu.Unlock()
		p.store(1, 2)
		p.same()
		if got := p.answers(); len(got) != 0 {
			t.Fatalf("released %+v before the slave has flushed", got)
		}
		p.copy.mu.Lock()
		p.copy.unacked = 0
		p.copy.mu.Unlock()
		p.slave.Grown()
		p.same()
		if got := p.answers(); len(got) != 1 || got[0] != (release{p.log.End(), nil}) {
			t.Errorf("released %+v, want all", got)
		}
	})
}

func TestAPairLivesThroughSilenceAndOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(10, 1))
		defer p.end()
		p.follow(&memLog{})
		p.same()
		since := p.slave.Status().Since
		time.Sleep(10 * time.Minute) // heartbeats alone
		p.store(1, 2)
		p.same()
		if st := p.slave.Status(); st.Since != since {
			t.Errorf("the connection did not last: since %v, was %v; %v", st.Since, since, st.Err)
		}
		for _, c := range p.conns() {
			c.close(errors.New("the link is down"))
		}
		p.mu.Lock()
		p.down = true
		p.mu.Unlock()
		p.log.grow(100, 3)
		time.Sleep(time.Hour)
		if st := p.slave.Status(); st.Connected || st.Err == nil {
			t.Errorf("Status() during the outage = %+v", st)
		}
		p.mu.Lock()
		p.down = false
		p.mu.Unlock()
		p.slave.Retry() // the link came up: at once
		p.same()
	})
}

func (p *pair) conns() []*masterConn {
	p.master.mu.Lock()
	defer p.master.mu.Unlock()
	return append([]*masterConn(nil), p.master.conns...)
}

// TestASlaveWhoseDiskStandsStillIsKept: it takes nothing for 30 s and more, goes on
// reporting what it has, and copies the rest over the same connection.
func TestASlaveWhoseDiskStandsStillIsKept(t *testing.T) {
	for _, stall := range []time.Duration{30 * time.Second, 110 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, logOf(10, 1))
			defer p.end()
			slow := &memLog{}
			p.follow(slow)
			p.same()
			conns := p.conns()
			gate := make(chan struct{})
			release := sync.OnceFunc(func() { close(gate) })
			defer release()
			slow.hold(gate)
			p.store(1000, 1) // more than a pipe takes
			time.Sleep(stall)
			if now := p.conns(); len(now) != 1 || now[0] != conns[0] || !p.slave.Status().Connected {
				t.Fatalf("after %v of waiting for its disk there are %d connections, and the slave says %+v", stall, len(now), p.slave.Status())
			}
			release()
			p.same()
			if now := p.conns(); len(now) != 1 || now[0] != conns[0] {
				t.Errorf("the slave had to connect again")
			}
		})
	}
}

// TestDivergedSlaveSetsItsEndAside: logs that part somewhere, by little or by
// much, become equal again, and what only the slave had is kept.
func TestDivergedSlaveSetsItsEndAside(t *testing.T) {
	tests := []struct {
		name                 string
		common, theirs, ours int // records
	}{
		{"slave ahead", 40, 0, 1},       // R1: the master lost its tail
		{"slave far ahead", 40, 0, 100}, // beyond the overlap
		{"both went on", 40, 10, 3},
		{"both went far", 100, 90, 80},
		{"master went on", 40, 10, 0},
		{"equal length", 40, 7, 7},
		{"parted at once", 1, 5, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, logOf(tt.common, 1))
				defer p.end()
				p.log.grow(tt.theirs, 2)
				slave := logOf(tt.common, 1)
				slave.grow(tt.ours, 3)
				lost := slave.bytes()[tt.common*testRecord:]
				p.follow(slave)
				time.Sleep(2 * time.Minute)
				p.same()
				if len(lost) > 0 && !bytes.Equal(slave.cut, lost) {
					t.Errorf("%d bytes were set aside, want %d", len(slave.cut), len(lost))
				}
				if st := p.slave.Status(); !st.Connected || (st.SetAside == "") != (len(lost) == 0) {
					t.Errorf("Status() = %+v", st)
				}
			})
		})
	}
}

// TestForeignLogsAreLeftAlone: with nothing in common, nobody but a person
// decides which log is wanted.
func TestForeignLogsAreLeftAlone(t *testing.T) {
	tests := []struct {
		name          string
		master, slave func() *memLog
	}{
		{"another log", func() *memLog { return logOf(50, 1) }, func() *memLog { return logOf(40, 2) }},
		{"an empty one", func() *memLog { return &memLog{} }, func() *memLog { return logOf(40, 2) }},
		{"one that has just begun", func() *memLog { return logOf(1, 1) }, func() *memLog { return logOf(40, 2) }},
		{"another segment size", func() *memLog { l := logOf(90, 1); l.start = testSegment; return l }, func() *memLog { return &memLog{size: 3 * testSegment} }},
		{"too far behind", func() *memLog { l := logOf(90, 1); l.start = 4 * testSegment; return l }, func() *memLog { return logOf(40, 1) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, tt.master())
				defer p.end()
				slave := tt.slave()
				before := slave.bytes()
				p.follow(slave)
				time.Sleep(10 * time.Minute)
				if !bytes.Equal(slave.bytes(), before) || slave.cut != nil {
					t.Errorf("the slave's log has changed")
				}
				if st := p.slave.Status(); !errors.Is(st.Err, ErrForeign) || st.Connected {
					t.Errorf("Status() = %+v, want ErrForeign", st)
				}
			})
		})
	}
}

// TestSlaveBeginsWhereTheMasterBegins: a new slave has all that there still is.
func TestSlaveBeginsWhereTheMasterBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := logOf(90, 1)
		l.start = 2 * testSegment
		p := newPair(t, l)
		defer p.end()
		p.follow(&memLog{})
		p.same()
		if got := p.copy.Start(); got != l.start {
			t.Errorf("the copy begins at %d, want %d", got, l.start)
		}
	})
}

// TestSlaveThatTheMastersRetentionOvertakes compares what both still have.
func TestSlaveThatTheMastersRetentionOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := logOf(90, 1)
		slave := &memLog{data: l.bytes()[:testSegment+2*testRecord]}
		l.mu.Lock()
		l.start, l.data = testSegment, l.data[testSegment:]
		l.mu.Unlock()
		p := newPair(t, l)
		defer p.end()
		p.follow(slave) // it wants to compare from before the segment's start
		time.Sleep(time.Minute)
		if got, want := slave.bytes()[testSegment:], l.bytes(); !bytes.Equal(got, want) {
			t.Errorf("the copy has %d bytes of the %d that the master has; %+v", len(got), len(want), p.slave.Status())
		}
	})
}

// TestOnlyAnEmptySlaveReportsZero: a stock master answers it with its last
// segment, which would not follow what the slave has.
func TestOnlyAnEmptySlaveReportsZero(t *testing.T) {
	for _, records := range []int{0, 1, 2} {
		synctest.Test(t, func(t *testing.T) {
			ln := newPipeListener()
			ctx, cancel := context.WithCancel(t.Context())
			s := NewSlave(SlaveOptions{Log: logOf(records, 1), Master: func() string { return "x" }, Dial: func(context.Context, string) (net.Conn, error) { return ln.dial("10.0.0.1") }})
			ended := make(chan struct{})
			go func() { _ = s.Run(ctx); close(ended) }()
			nc, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, reportSize)
			if _, err := io.ReadFull(nc, b); err != nil {
				t.Fatal(err)
			}
			if first := int64(binary.BigEndian.Uint64(b)); (first == 0) != (records == 0) || first > int64(records*testRecord) {
				t.Errorf("a slave with %d records reports %d first", records, first)
			}
			cancel()
			_ = nc.Close()
			_ = ln.Close()
			<-ended
		})
	}
}
