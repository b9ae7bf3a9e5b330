package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// A scribe is a name server that writes down what it is asked.
type scribe struct {
	start  time.Time
	mu     sync.Mutex
	seen   []string                            // "code@seconds"
	bodies []string                            // of registrations
	answer func(*remoting.Request) (done bool) // may answer in its place
}

func newScribe() *scribe { return &scribe{start: time.Now()} }

func (s *scribe) Serve(req *remoting.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, fmt.Sprintf("%d@%d", req.Code, int(time.Since(s.start).Seconds())))
	if req.Code == remoting.ReqRegisterBroker {
		s.bodies = append(s.bodies, string(req.Body))
	}
	answer := s.answer
	s.mu.Unlock()
	if answer != nil && answer(req) {
		return
	}
	var resp remoting.Response
	if req.Code == remoting.ReqQueryDataVersion {
		resp.Fields.Add("changed", "false")
	}
	req.Reply(&resp)
}

// answers makes f answer from now on, where it returns true.
func (s *scribe) answers(f func(*remoting.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// check fails unless the name server was asked want, separated by blanks.
func (s *scribe) check(t *testing.T, want string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.seen, " "); got != want {
		t.Errorf("the name server was asked %s, want %s", got, want)
	}
}

// A testTable is a broker's table of topics.
type testTable struct {
	mu      sync.Mutex
	topics  []table.Topic
	version table.DataVersion
}

func (b *testTable) get() ([]table.Topic, table.DataVersion) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.topics), b.version
}

func (b *testTable) add(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.topics = append(b.topics, table.Topic{Name: name, Perm: 6})
	b.version = b.version.Next(1)
}

// registrarTest runs f in a bubble with a LAN and the options of a master of
// two topics.
func registrarTest(t *testing.T, f func(t *testing.T, l *lan, opts RegistrarOptions, b *testTable)) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		client := l.client()
		b := &testTable{version: table.DataVersion{Timestamp: 1}}
		b.add("TBW102")
		b.add("T")
		f(t, l, RegistrarOptions{
			Servers: []string{"a:1"}, Client: client,
			Cluster: "C", BrokerName: "b", BrokerAddr: "192.0.2.1:10911", HAServerAddr: "192.0.2.1:10912",
			Topics: b.get,
		}, b)
		_ = client.Close()
		l.close()
	})
}

// start runs a registrar and returns how to stop it.
func start(t *testing.T, opts RegistrarOptions) (*Registrar, func()) {
	t.Helper()
	r, err := NewRegistrar(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Errorf("Run gives %v", err)
		}
	})
	return r, func() { cancel(); wg.Wait() }
}

// One name server hangs, one is not there, one answers: neither of the first
// delays the last.
func TestRegistrarPeriods(t *testing.T) {
	for _, force := range []bool{false, true} {
		registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, _ *testTable) {
			live := newScribe()
			l.hang("a:1")
			l.serve("c:1", live)
			opts.Servers, opts.Force = []string{"a:1", "b:1", "c:1"}, force
			r, stop := start(t, opts)
			time.Sleep(95 * time.Second)
			if force {
				live.check(t, "103@0 103@30 103@60 103@90")
			} else {
				live.check(t, "103@0 322@30 322@60 322@90")
			}
			var states []State
			for _, s := range r.Status() {
				states = append(states, s.State)
			}
			if want := []State{Failing, Failing, Registered}; !slices.Equal(states, want) {
				t.Errorf("states are %v, want %v", states, want)
			}
			stop()
		})
	}
}

func TestRegistrarSendsAllNowAndThen(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, _ *testTable) {
		ns := newScribe()
		l.serve("a:1", ns)
		_, stop := start(t, opts)
		time.Sleep(331 * time.Second)
		ns.check(t, "103@0 322@30 322@60 322@90 322@120 322@150 322@180 322@210 322@240 322@270 103@300 322@330")
		stop()
	})
}

// The table is sent when the name server asks for it, refuses the question, or
// has closed the connection, and when the table has changed.
func TestRegistrarSendsWhatIsNeeded(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, b *testTable) {
		ns := newScribe()
		l.serve("a:1", ns)
		r, stop := start(t, opts)
		time.Sleep(time.Second)
		ns.answers(func(req *remoting.Request) bool {
			if req.Code != remoting.ReqQueryDataVersion {
				return false
			}
			req.Reply(&remoting.Response{Fields: remoting.Fields{{Key: "changed", Value: "true"}}})
			return true
		})
		time.Sleep(30 * time.Second)
		ns.answers(func(req *remoting.Request) bool {
			if req.Code == remoting.ReqQueryDataVersion {
				req.ReplyError(remoting.RespRequestCodeNotSupported, "")
				return true
			}
			return false
		})
		time.Sleep(30 * time.Second)
		ns.check(t, "103@0 322@30 103@30 322@60 103@60")
		ns.answers(nil)
		b.add("U")
		r.Notify()
		time.Sleep(time.Second)
		ns.check(t, "103@0 322@30 103@30 322@60 103@60 103@61")
		if last := ns.bodies[len(ns.bodies)-1]; !strings.Contains(last, `"U":`) {
			t.Errorf("the last table is %s, want U in it", last)
		}
		l.remove("a:1")
		again := newScribe()
		l.serve("a:1", again)
		time.Sleep(2 * time.Second) // the first back-off
		again.check(t, "103@0")
		stop()
		again.check(t, "103@0 104@2")
	})
}

// A name server that answers and then closes is not asked in a tight loop.
func TestRegistrarBacksOff(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, _ *testTable) {
		ns := newScribe()
		ns.answers(func(req *remoting.Request) bool {
			if req.Code == remoting.ReqRegisterBroker {
				req.Reply(&remoting.Response{})
				go req.Conn().Close()
			}
			return true
		})
		l.serve("a:1", ns)
		_, stop := start(t, opts)
		time.Sleep(10 * time.Minute)
		stop()
		if n := len(ns.seen); n < 60 || n > 90 { // each 7.5 to 10 s, but for the first few
			t.Errorf("the name server was asked %d times in 10 min, want 60 to 90: %v", n, ns.seen)
		}
	})
}

func TestRegistrarUnregistersWhileRegistering(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, _ *testTable) {
		ns := newScribe()
		ns.answers(func(req *remoting.Request) bool { return req.Code == remoting.ReqRegisterBroker }) // takes its time
		l.serve("a:1", ns)
		_, stop := start(t, opts)
		time.Sleep(time.Second)
		stop()
		ns.check(t, "103@0 104@1")
	})
}

// TestRegistrarStays: it registers until it ends, and then says nothing, also
// not to a name server that hangs.
func TestRegistrarStays(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, b *testTable) {
		ns := newScribe()
		l.serve("a:1", ns)
		l.hang("b:1")
		opts.Servers = append(opts.Servers, "b:1")
		r, stop := start(t, opts)
		time.Sleep(time.Second)
		r.Stay()
		b.add("U")
		r.Notify()
		time.Sleep(time.Second)
		begin := time.Now()
		stop()
		if took := time.Since(begin); took != 0 {
			t.Errorf("stopping took %v", took)
		}
		ns.check(t, "103@0 103@1")
	})
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, _ *testTable) {
		ns := newScribe()
		l.serve("a:1", ns)
		r, err := NewRegistrar(opts)
		if err != nil {
			t.Fatal(err)
		}
		r.Stay() // one that never ran
		r.Stay()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Run(ended); err != nil {
			t.Errorf("Run gives %v", err)
		}
		ns.check(t, "")
	})
}

// A hanging name server holds a clean stop up for 3 s, not for longer.
func TestRegistrarStops(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, _ *testTable) {
		ns := newScribe()
		l.serve("a:1", ns)
		l.hang("b:1")
		opts.Servers = append(opts.Servers, "b:1")
		_, stop := start(t, opts)
		time.Sleep(time.Second)
		ns.answers(func(*remoting.Request) bool { return true })
		begin := time.Now()
		stop()
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("stopping took %v, want 3 s", took)
		}
	})
}

func TestRegistrarFirstTopic(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, b *testTable) {
		ns := newScribe()
		l.serve("a:1", ns)
		b.topics = b.topics[:1]
		_, stop := start(t, opts)
		time.Sleep(time.Second)
		stop()
		ns.check(t, "103@0 103@0 104@1")
		first, err := DecodeRegisterBody([]byte(ns.bodies[0]), 10)
		if err != nil || len(first.Topics) != 0 || first.Version == b.version {
			t.Errorf("the first table is %+v, %v, want none of another version", first, err)
		}
		second, err := DecodeRegisterBody([]byte(ns.bodies[1]), 10)
		if err != nil || len(second.Topics) != 1 || second.Version != b.version {
			t.Errorf("the second table is %+v, %v, want the topic with the version", second, err)
		}
	})
}

func TestRegisterNow(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, b *testTable) {
		live, slow := newScribe(), newScribe()
		l.serve("a:1", live)
		l.hang("b:1")
		l.serve("c:1", slow)
		opts.Servers = []string{"a:1", "b:1", "c:1"}
		r, stop := start(t, opts)
		time.Sleep(7 * time.Second) // b is known to fail now
		b.add("U")
		begin := time.Now()
		if err := r.RegisterNow(t.Context()); err != nil || time.Since(begin) != 0 {
			t.Errorf("RegisterNow gives %v after %v, want no error at once", err, time.Since(begin))
		}
		for _, ns := range []*scribe{live, slow} {
			if last := ns.bodies[len(ns.bodies)-1]; !strings.Contains(last, `"U":`) {
				t.Errorf("after RegisterNow a name server has %s, want U in it", last)
			}
		}
		slow.answers(func(*remoting.Request) bool { return true })
		b.add("V")
		err := r.RegisterNow(t.Context())
		if !errors.Is(err, ErrNotRegistered) || time.Since(begin) != 3*time.Second {
			t.Errorf("RegisterNow gives %v after %v, want ErrNotRegistered after 3 s", err, time.Since(begin))
		}
		live.answers(func(req *remoting.Request) bool { req.ReplyError(remoting.RespSystemError, "no"); return true })
		if err := r.RegisterNow(t.Context()); !errors.Is(err, ErrRefused) {
			t.Errorf("RegisterNow gives %v, want the refusal", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.RegisterNow(ctx); err == nil {
			t.Error("RegisterNow without time succeeds")
		}
		stop()
	})
}

func TestNewRegistrarRefuses(t *testing.T) {
	client := remoting.NewClient(remoting.ClientOptions{})
	defer client.Close()
	good := RegistrarOptions{
		Servers: []string{"a:1"}, Client: client, Cluster: "C", BrokerName: "b", BrokerAddr: "192.0.2.1:10911",
		Topics: new(testTable).get,
	}
	if _, err := NewRegistrar(good); err != nil {
		t.Errorf("NewRegistrar(%+v) fails with %v", good, err)
	}
	for what, edit := range map[string]func(*RegistrarOptions){
		"no servers": func(o *RegistrarOptions) { o.Servers = nil },
		"no client":  func(o *RegistrarOptions) { o.Client = nil },
		"no topics":  func(o *RegistrarOptions) { o.Topics = nil },
		"no cluster": func(o *RegistrarOptions) { o.Cluster = "" },
		"no name":    func(o *RegistrarOptions) { o.BrokerName = "" },
		"no address": func(o *RegistrarOptions) { o.BrokerAddr = "" },
		"HA address": func(o *RegistrarOptions) { o.HAServerAddr = "x" },
	} {
		opts := good
		edit(&opts)
		if _, err := NewRegistrar(opts); err == nil {
			t.Errorf("%s: NewRegistrar(%+v) succeeds", what, opts)
		}
	}
}

// A name server that is away for long is worth one line when it goes and one
// when it is back.
func TestRegistrarLogsChanges(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, _ *testTable) {
		var out strings.Builder // read when nobody writes any more
		opts.Log = slog.New(slog.NewTextHandler(&out, nil))
		_, stop := start(t, opts)
		time.Sleep(5 * time.Minute)
		l.serve("a:1", newScribe())
		time.Sleep(5 * time.Minute)
		l.remove("a:1")
		time.Sleep(5 * time.Minute)
		stop()
		var lines []string
		for line := range strings.Lines(out.String()) {
			_, msg, _ := strings.Cut(line, "msg=")
			lines = append(lines, msg)
		}
		want := []string{`"registration failed" namesrv=a:1`, `registered namesrv=a:1`, `"registration failed" namesrv=a:1`}
		if !slices.EqualFunc(lines, want, strings.HasPrefix) {
			t.Errorf("logged %q, want %q and more behind each", lines, want)
		}
	})
}

// TestTheListChanges: a broker registers at once with a new name server,
// unregisters from one that is no longer in the list, and leaves the others alone.
func TestTheListChanges(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, _ *testTable) {
		a, b, c := newScribe(), newScribe(), newScribe()
		l.serve("a:1", a)
		l.serve("b:1", b)
		l.serve("c:1", c)
		opts.Servers = []string{"a:1", "b:1"}
		r, stop := start(t, opts)
		time.Sleep(10 * time.Second)
		r.SetServers([]string{"c:1", "b:1"})
		time.Sleep(10 * time.Second)
		a.check(t, "103@0 104@10")
		b.check(t, "103@0")
		c.check(t, "103@10")
		if got := r.Status(); len(got) != 2 || got[0].Addr != "c:1" || got[0].State != Registered || got[1].Addr != "b:1" {
			t.Errorf("the status is %+v", got)
		}
		if err := r.RegisterNow(t.Context()); err != nil {
			t.Error(err)
		}
		stop()
		r.SetServers([]string{"a:1"}) // nothing comes of it any more
		time.Sleep(time.Minute)
		a.check(t, "103@0 104@10")
		b.check(t, "103@0 322@20 104@20")
		c.check(t, "103@10 322@20 104@20")
	})
}

// TestAServerLeavesTheListWhileItIsAwaited: nobody waits for it then.
func TestAServerLeavesTheListWhileItIsAwaited(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, _ *testTable) {
		a := newScribe()
		l.serve("a:1", a)
		l.hang("b:1")
		opts.Servers = []string{"a:1", "b:1"}
		r, stop := start(t, opts)
		defer stop()
		time.AfterFunc(time.Second, func() { r.SetServers([]string{"a:1"}) })
		begin := time.Now()
		if err := r.RegisterNow(t.Context()); err != nil || time.Since(begin) > registerNowTime-time.Millisecond {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

// TestAServerThatIsNotToBeTold hears nothing, and hears at once when it may; what it had heard
// before it is not asked to forget.
func TestAServerThatIsNotToBeTold(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, b *testTable) {
		near, far := newScribe(), newScribe()
		l.serve("a:1", near)
		l.serve("b:1", far)
		opts.Servers = []string{"a:1", "b:1"}
		missing := errors.New("the link wwan0 is switched off")
		var held atomic.Bool
		held.Store(true)
		opts.Hold = func(server string) error {
			if held.Load() && server == "b:1" {
				return missing
			}
			return nil
		}
		r, stop := start(t, opts)
		time.Sleep(65 * time.Second)
		near.check(t, "103@0 322@30 322@60")
		far.check(t, "")
		if st := r.Status()[1]; st.State != Failing || !errors.Is(st.Err, missing) {
			t.Errorf("status while held back: %+v", st)
		}
		if err := r.RegisterNow(t.Context()); err != nil {
			t.Errorf("who waits for a registration waits for those that are to be told: %v", err)
		}
		synctest.Wait() // b:1 has been looked at for that
		held.Store(false)
		r.LinkUp()
		synctest.Wait()
		far.check(t, "103@65")
		if st := r.Status()[1]; st.State != Registered {
			t.Errorf("status when told: %+v", st)
		}
		held.Store(true)
		time.Sleep(61 * time.Second)
		far.check(t, "103@65")
		held.Store(false)
		r.LinkUp()
		synctest.Wait()
		far.check(t, "103@65 322@126")
		stop()
	})
}
