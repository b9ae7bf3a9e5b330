package discovery

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
)

// named answers every request with its name as remark.
func named(name string) remoting.Handler {
	return remoting.HandlerFunc(func(req *remoting.Request) { req.ReplyError(remoting.RespSuccess, name) })
}

// pickerTest runs f with a Picker for a, b and c that starts at a.
func pickerTest(t *testing.T, f func(t *testing.T, l *lan, p *Picker)) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		client := l.client()
		p, err := NewPicker(PickerOptions{Servers: []string{"a:1", "b:1", "c:1"}, Client: client})
		if err != nil {
			t.Fatal(err)
		}
		p.next = 0
		f(t, l, p)
		_ = client.Close()
		l.close()
	})
}

// lookup returns who answered.
func lookup(ctx context.Context, p *Picker) (string, error) {
	resp, err := p.Do(ctx, &remoting.Command{Code: remoting.ReqGetRouteinfoByTopic})
	if err != nil {
		return "", err
	}
	return resp.Remark, nil
}

func mustLookup(t *testing.T, p *Picker, want string) {
	t.Helper()
	if got, err := lookup(t.Context(), p); err != nil || got != want {
		t.Errorf("look-up is answered by %q, %v, want %q", got, err, want)
	}
}

func TestPickerStaysAndMovesOn(t *testing.T) {
	pickerTest(t, func(t *testing.T, l *lan, p *Picker) {
		for _, addr := range []string{"a:1", "b:1", "c:1"} {
			l.serve(addr, named(addr))
		}
		for range 3 {
			mustLookup(t, p, "a:1")
		}
		l.remove("a:1")
		for range 3 {
			mustLookup(t, p, "b:1")
		}
		l.serve("a:1", named("a:1"))
		time.Sleep(time.Minute)
		mustLookup(t, p, "b:1") // the idle connection lives, and b works
		l.remove("b:1")
		mustLookup(t, p, "c:1")
		l.remove("c:1")
		mustLookup(t, p, "a:1")
	})
}

func TestPickerLeavesFailedServersAlone(t *testing.T) {
	pickerTest(t, func(t *testing.T, l *lan, p *Picker) {
		l.serve("c:1", named("c:1"))
		mustLookup(t, p, "c:1")
		l.remove("c:1")
		for range 10 {
			if _, err := lookup(t.Context(), p); !errors.Is(err, ErrNoServer) || !errors.Is(err, errNoHost) {
				t.Errorf("look-up without servers gives %v, want ErrNoServer and the cause", err)
			}
		}
		for addr, want := range map[string]int{"a:1": 1, "b:1": 1, "c:1": 2} {
			if got := l.dialed(addr); got != want {
				t.Errorf("%s was dialled %d times, want %d", addr, got, want)
			}
		}
		l.serve("b:1", named("b:1"))
		time.Sleep(2 * time.Second) // more than the first back-off
		mustLookup(t, p, "b:1")
	})
}

func TestPickerLeavesHangingServer(t *testing.T) {
	pickerTest(t, func(t *testing.T, l *lan, p *Picker) {
		l.hang("a:1")
		l.serve("b:1", named("b:1"))
		start := time.Now()
		mustLookup(t, p, "b:1")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("the look-up took %v, want the 3 s of one try", took)
		}
	})
}

// A caller in a hurry does not learn whether the server hangs, but the next one
// asks another.
func TestPickerWithShortDeadlines(t *testing.T) {
	pickerTest(t, func(t *testing.T, l *lan, p *Picker) {
		l.hang("a:1")
		l.serve("b:1", named("b:1"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := lookup(ctx, p); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("look-up gives %v, want the deadline's error", err)
		}
		mustLookup(t, p, "b:1")
	})
}

// One server is enough: a restart of it is noticed and forgiven.
func TestPickerSingleServerRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		client := l.client()
		p, err := NewPicker(PickerOptions{Servers: []string{"a:1"}, Client: client})
		if err != nil {
			t.Fatal(err)
		}
		var closing atomic.Bool
		l.serve("a:1", remoting.HandlerFunc(func(req *remoting.Request) {
			if closing.Swap(false) {
				_ = req.Conn().Close()
				return
			}
			req.ReplyError(remoting.RespSuccess, "a:1")
		}))
		mustLookup(t, p, "a:1")
		closing.Store(true) // the connection ends under the next look-up
		mustLookup(t, p, "a:1")
		l.remove("a:1")
		l.serve("a:1", named("new"))
		mustLookup(t, p, "new")
		_ = client.Close()
		l.close()
	})
}

// While one caller connects, the others wait, but not for ever.
func TestPickerOneDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		l.mu.Lock()
		l.hosts["a:1"] = &host{pipes: newPipeListener()} // nobody accepts: dialling takes until it is given up
		l.mu.Unlock()
		client := l.client()
		p, err := NewPicker(PickerOptions{Servers: []string{"a:1"}, Client: client, Wait: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var wg sync.WaitGroup
		var mu sync.Mutex
		ends := make(map[time.Duration]int)
		for range 5 {
			wg.Go(func() {
				_, err := lookup(t.Context(), p)
				mu.Lock()
				defer mu.Unlock()
				took := time.Since(start)
				ends[took]++
				if want := map[time.Duration]error{time.Second: ErrBusy, 3 * time.Second: ErrNoServer}[took]; !errors.Is(err, want) {
					t.Errorf("after %v a look-up gives %v, want %v", took, err, want)
				}
			})
		}
		wg.Wait()
		if ends[time.Second] != 4 || ends[3*time.Second] != 1 || l.dialed("a:1") != 1 {
			t.Errorf("look-ups ended after %v with %d dials, want 4 after 1 s, 1 after 3 s and 1 dial", ends, l.dialed("a:1"))
		}
		_ = client.Close()
		l.close()
	})
}

func TestPickerStartsAnywhere(t *testing.T) {
	client := remoting.NewClient(remoting.ClientOptions{})
	defer client.Close()
	starts := make(map[int]bool)
	for range 200 { // the chance that one of three is never drawn is below 1e-34
		p, err := NewPicker(PickerOptions{Servers: []string{"a:1", "b:1", "c:1"}, Client: client})
		if err != nil {
			t.Fatal(err)
		}
		starts[p.next] = true
	}
	if len(starts) != 3 {
		t.Errorf("pickers start at %v, want all three", starts)
	}
	if _, err := NewPicker(PickerOptions{Client: client}); err == nil {
		t.Error("NewPicker without servers succeeds")
	}
}

func TestLookups(t *testing.T) {
	pickerTest(t, func(t *testing.T, l *lan, p *Picker) {
		route := goldenBody(t, "go-route-response-unquoted.hex")
		l.serve("a:1", remoting.HandlerFunc(func(req *remoting.Request) {
			switch {
			case req.Code == remoting.ReqGetBrokerClusterInfo:
				req.Reply(&remoting.Response{Body: []byte(`{"clusterAddrTable":{"C":["b"]}}`)})
			case req.Fields.Get("topic") == "TBW102":
				req.Reply(&remoting.Response{Body: route})
			case req.Fields.Get("topic") == "":
				req.ReplyError(remoting.RespSystemError, "topic is missing")
			default:
				req.ReplyError(remoting.RespTopicNotExist, "none")
			}
		}))
		if r, err := p.Route(t.Context(), "TBW102"); err != nil || r.QueueDatas[0].Perm != 7 {
			t.Errorf("Route(TBW102) = %+v, %v, want perm 7", r, err)
		}
		if _, err := p.Route(t.Context(), "T"); !errors.Is(err, ErrNoRoute) {
			t.Errorf("Route(T) gives %v, want ErrNoRoute", err)
		}
		if _, err := p.Route(t.Context(), ""); !errors.Is(err, ErrRefused) {
			t.Errorf("Route of nothing gives %v, want ErrRefused", err)
		}
		if c, err := p.Cluster(t.Context()); err != nil || c.ClusterAddrTable["C"][0] != "b" {
			t.Errorf("Cluster() = %+v, %v, want cluster C with b", c, err)
		}
	})
}

// TestAnEmptyRouteIsLookedForElsewhere: the others are asked, those that fail
// are passed over, and the one in use stays that.
func TestAnEmptyRouteIsLookedForElsewhere(t *testing.T) {
	pickerTest(t, func(t *testing.T, l *lan, p *Picker) {
		var asked [3]atomic.Int64
		serve := func(i int, addr, has string) {
			l.serve(addr, remoting.HandlerFunc(func(req *remoting.Request) {
				asked[i].Add(1)
				if req.Fields.Get("topic") != has {
					req.ReplyError(remoting.RespTopicNotExist, "no route")
					return
				}
				body, err := (&TopicRouteData{QueueDatas: []QueueData{{BrokerName: addr}}}).Encode()
				if err != nil {
					t.Error(err)
				}
				req.Reply(&remoting.Response{Body: body})
			}))
		}
		serve(0, "a:1", "A")
		l.hang("b:1")
		serve(2, "c:1", "C")
		for range 2 {
			for topic, want := range map[string]string{"A": "a:1", "C": "c:1"} {
				if r, err := p.Route(t.Context(), topic); err != nil || r.QueueDatas[0].BrokerName != want {
					t.Errorf("Route(%s) = %+v, %v; want %s", topic, r, err, want)
				}
			}
		}
		if _, err := p.Route(t.Context(), "B"); !errors.Is(err, ErrNoRoute) {
			t.Errorf("Route(B) gives %v", err)
		}
		if a, c := asked[0].Load(), asked[2].Load(); a != 5 || c != 3 {
			t.Errorf("asked a %d times and c %d times, want 5 and 3", a, c)
		}
	})
}
