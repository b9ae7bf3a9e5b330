package main

import (
	"context"
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/tools/harness"
)

// A delayingBroker delivers each delayed message when its time has come, later by late, but
// for a few: see deliver. A pull is held until there is something or it must be answered.
type delayingBroker struct {
	late    time.Duration
	refused int32 // a code with which all sends are answered, if it is not 0
	moved   bool  // pulls are answered with another offset again and again

	mu     sync.Mutex // guards the rest
	queues map[string][][]byte
	held   map[string][]*remoting.Request
	beside int // ordinary messages
}

func (b *delayingBroker) Serve(r *remoting.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case r.Code == remoting.ReqSendMessageV2 && b.refused != 0:
		r.Reply(&remoting.Response{Code: b.refused, Remark: "no"})
	case r.Code == remoting.ReqSendMessageV2:
		b.send(r)
		r.Reply(&remoting.Response{})
	case r.Code == remoting.ReqPullMessage && b.moved:
		resp := &remoting.Response{Code: remoting.RespPullOffsetMoved}
		resp.Fields.AddInt("nextBeginOffset", 0)
		r.Reply(resp)
	case r.Code == remoting.ReqPullMessage:
		b.pull(r, true)
	}
}

func (b *delayingBroker) send(r *remoting.Request) {
	props := r.Fields.Get("i")
	var wait time.Duration
	if text, ok := record.Property(props, "DELAY"); ok {
		wait = map[string]time.Duration{"1": time.Second, "2": 5 * time.Second}[text]
	} else if text, ok := record.Property(props, "TIMER_DELAY_MS"); ok {
		wait, _ = time.ParseDuration(text + "ms")
	} else {
		b.beside++
		return
	}
	body, queue := append([]byte(nil), r.Body...), r.Fields.Get("b")+r.Fields.Get("e")
	born, _ := r.Fields.Int64("g")
	b.deliver(queue, body, time.Until(time.UnixMilli(born).Add(wait)))
}

// deliver has number 10 come a millisecond early, 20 twice, 30 never, and all others late.
func (b *delayingBroker) deliver(queue string, body []byte, in time.Duration) {
	times := 1
	switch binary.BigEndian.Uint64(body) {
	case 10:
		in -= time.Millisecond + b.late
	case 20:
		times = 2
	case 30:
		return
	}
	time.AfterFunc(in+b.late, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for range times {
			b.queues[queue] = append(b.queues[queue], body)
		}
		waiting := b.held[queue]
		b.held[queue] = nil
		for _, r := range waiting {
			b.pull(r, false)
		}
	})
}

func (b *delayingBroker) pull(r *remoting.Request, hold bool) {
	queue := r.Fields.Get("topic") + r.Fields.Get("queueId")
	at, _ := r.Fields.Int64("queueOffset")
	all := b.queues[queue]
	resp := &remoting.Response{}
	switch {
	case at < int64(len(all)):
		for _, body := range all[at:] {
			resp.Body = record.Append(resp.Body, &record.Message{Topic: "T", Body: body})
		}
		at = int64(len(all))
	case hold:
		b.held[queue] = append(b.held[queue], r)
		time.AfterFunc(harness.HoldTime, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			for i, h := range b.held[queue] {
				if h == r {
					b.held[queue] = append(b.held[queue][:i], b.held[queue][i+1:]...)
					b.pull(r, false)
					return
				}
			}
		})
		return
	default:
		resp.Code = remoting.RespPullNotFound
	}
	resp.Fields.AddInt("nextBeginOffset", at)
	r.Reply(resp)
}

// A pipeListener accepts pipes.
type pipeListener struct {
	conns chan net.Conn
	ctx   context.Context
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{Port: 1} }

// runLoad runs a load against a broker, in a bubble.
func runLoad(t *testing.T, b *delayingBroker, l delayLoad) (all []lateness, err error) {
	t.Helper()
	b.queues, b.held = map[string][][]byte{}, map[string][]*remoting.Request{}
	ctx, cancel := context.WithCancel(t.Context())
	ln := &pipeListener{make(chan net.Conn), ctx}
	s := remoting.NewServer(remoting.ServerOptions{Handler: b})
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(ctx, ln) })
	l.addr, l.topic, l.duration = "broker:1", "T", 2*time.Second
	l.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case ln.conns <- far:
			return near, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	all, err = l.run(t.Context())
	cancel()
	served.Wait()
	ended, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	if err := s.Shutdown(ended); err != nil {
		t.Error(err)
	}
	return all, err
}

// TestDelayedMessagesAreTimed, on the clock of a bubble, where nothing but waiting takes time.
func TestDelayedMessagesAreTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &delayingBroker{late: 3 * time.Millisecond}
		all, err := runLoad(t, b, delayLoad{kinds: []delayKind{level(1, time.Second), level(2, 5*time.Second), timer(1000, 10_000)}, count: 100, beside: 50})
		if err != nil {
			t.Fatal(err)
		}
		var sum lateness
		for i, s := range all {
			if s.sent < 70 || s.sent > 130 {
				t.Errorf("%d messages of kind %d were sent, want about 100", s.sent, i)
			}
			if s.quantile(0.5) != b.late || s.quantile(1) != b.late {
				t.Errorf("kind %d is late by %v, and by %v at most; want %v", i, s.quantile(0.5), s.quantile(1), b.late)
			}
			sum.early, sum.twice, sum.never = sum.early+s.early, sum.twice+s.twice, sum.never+s.never
			if s.early > 0 && s.late[0] != -time.Millisecond {
				t.Errorf("the early one of kind %d is late by %v", i, s.late[0])
			}
		}
		if sum.early != 1 || sum.twice != 1 || sum.never != 1 {
			t.Errorf("%d came early, %d twice, %d never; want one each", sum.early, sum.twice, sum.never)
		}
		if b.beside < 450 || b.beside > 750 { // 50 a second while messages are sent, for two seconds, and until the last is due, for ten more
			t.Errorf("%d ordinary messages were sent beside, want about 600", b.beside)
		}
	})
}

func TestDelayedMessagesThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, err := runLoad(t, &delayingBroker{refused: remoting.RespSystemBusy}, delayLoad{kinds: []delayKind{level(1, time.Second)}, count: 20})
		if err != nil {
			t.Fatal(err)
		}
		if s := all[0]; s.sent != 0 || s.never != 0 || s.refused < 5 || s.values()[metricErrors] != float64(s.refused) {
			t.Errorf("%+v, want some that are refused and none else", s)
		}
	})
}

func TestConsumersThatAreSentAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := runLoad(t, &delayingBroker{moved: true}, delayLoad{kinds: []delayKind{level(1, time.Second)}, count: 20})
		if want := "at 0: sent elsewhere 16 times in a row"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	})
}
