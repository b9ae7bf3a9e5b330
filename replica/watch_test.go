package replica_test

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/replica"
)

const (
	round   = "21@10909 43@10911 45@10911 201@10911"
	topics  = "21@10909"
	offsets = "43@10911"
	groups  = "201@10911"
)

// A watched master tells of changes of its tables.
type watchedMaster struct {
	*copying
	mu   sync.Mutex
	now  replica.TableVersions
	held string // why the slave is held
	w    *replica.Watchers
	stop func()
}

// watchTest runs f with a Copier of a master of ours that has everything and watches.
func watchTest(t *testing.T, f func(t *testing.T, m *watchedMaster)) {
	copyTest(t, func(t *testing.T, r *copying) {
		m := &watchedMaster{copying: r}
		m.begin()
		r.found()
		synctest.Wait()
		r.requests()
		f(t, m)
		m.stop()
	})
}

// begin makes the master one of ours, or another one after a restart.
func (m *watchedMaster) begin() {
	m.w = replica.NewWatchers(replica.WatchersOptions{
		Versions: func() replica.TableVersions { return locked(&m.mu, func() replica.TableVersions { return m.now }) },
		Held:     func(netip.Addr) string { return locked(&m.mu, func() string { return m.held }) },
	})
	w := m.w
	m.answerBy(remoting.ReqWatchMetadata, func(req *remoting.Request) {
		if err := w.Serve(req); err != nil {
			req.ReplyError(remoting.RespSystemBusy, err.Error())
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = w.Run(ctx) })
	m.stop = func() { cancel(); run.Wait() }
}

func (m *watchedMaster) change(f func(*replica.TableVersions)) {
	m.mu.Lock()
	f(&m.now)
	m.mu.Unlock()
	m.w.Changed()
}

func (m *watchedMaster) check(t *testing.T, when, want string) {
	t.Helper()
	synctest.Wait()
	if got := m.requests(); got != want {
		t.Errorf("%s: asked %q, want %q", when, got, want)
	}
}

// TestChangesAreCopiedAtOnce: what has changed and nothing else, in no time.
func TestChangesAreCopiedAtOnce(t *testing.T) {
	watchTest(t, func(t *testing.T, m *watchedMaster) {
		m.change(func(v *replica.TableVersions) { v.Topics++ })
		m.check(t, "a topic has changed", topics)
		m.change(func(v *replica.TableVersions) { v.Groups++ })
		m.check(t, "a group has changed", groups)
		time.Sleep(time.Second)
		m.change(func(v *replica.TableVersions) { v.Offsets++ })
		m.check(t, "an offset has changed", offsets)
		time.Sleep(time.Minute / 2)
		m.check(t, "nothing has", "")
		m.change(func(v *replica.TableVersions) { v.Topics++; v.Groups++ })
		m.check(t, "two have", topics+" "+groups)
		time.Sleep(time.Minute)
		m.check(t, "all the same everything is copied now and then", round)
	})
}

// hold has the master hold its slave, or no longer, and say so.
func (m *watchedMaster) hold(why string) {
	locked(&m.mu, func() string { m.held = why; return "" })
	m.w.Changed()
	synctest.Wait()
}

// TestASlaveIsToldThatItIsHeld: at once, how it goes on with the next answer, and nothing
// is copied for that; a master that is gone, or cannot say, holds nobody.
func TestASlaveIsToldThatItIsHeld(t *testing.T) {
	watchTest(t, func(t *testing.T, m *watchedMaster) {
		check := func(when, want string) {
			t.Helper()
			if got := m.c.Held(); got != want {
				t.Errorf("%s: held %q, want %q", when, got, want)
			}
		}
		check("before", "")
		m.hold("waits: for 24h")
		check("at once", "waits: for 24h")
		m.hold("waits: for 23h")
		check("the reason alone is another one", "waits: for 24h")
		time.Sleep(16 * time.Second)
		synctest.Wait()
		check("with the next answer", "waits: for 23h")
		m.hold("")
		check("no longer", "")
		m.check(t, "all that time", "")
		m.hold(strings.Repeat("w", 1000))
		check("a long reason", strings.Repeat("w", 200))
		m.answerBy(remoting.ReqWatchMetadata, func(req *remoting.Request) {
			req.Reply(&remoting.Response{Fields: remoting.Fields{{Key: "held", Value: "x"}}})
		})
		m.stop()
		m.answerBy(remoting.ReqWatchMetadata, func(req *remoting.Request) { req.ReplyError(remoting.RespRequestCodeNotSupported, "") })
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		check("a master that cannot say", "")
		m.begin()
	})
}

// TestASlaveOfBefore does not ask whether it is held, and is not told.
func TestASlaveOfBefore(t *testing.T) {
	watchTest(t, func(t *testing.T, m *watchedMaster) {
		m.hold("waits")
		client := remoting.NewClient(remoting.ClientOptions{Dial: m.dial})
		defer client.Close()
		conn, err := client.Conn(t.Context(), "m:10911")
		if err != nil {
			t.Fatal(err)
		}
		ask := func(more ...remoting.Field) *remoting.Command {
			f := remoting.Fields{{Key: "boot", Value: "0"}, {Key: "topics", Value: "0"}, {Key: "groups", Value: "0"}, {Key: "offsets", Value: "0"}}
			resp, err := conn.Call(t.Context(), &remoting.Command{Code: remoting.ReqWatchMetadata, Fields: append(f, more...)})
			if err != nil {
				t.Fatal(err)
			}
			return resp
		}
		if why, there := ask().Fields.Lookup("held"); there {
			t.Errorf("one that does not ask is told %q", why)
		}
		if why := ask(remoting.Field{Key: "held", Value: "true"}).Fields.Get("held"); why != "waits" {
			t.Errorf("one that asks is told %q", why)
		}
		if resp := ask(remoting.Field{Key: "held", Value: "perhaps"}); resp.Code == remoting.RespSuccess {
			t.Error("held=perhaps is taken")
		}
	})
}

// TestResetsAreAskedFor: of a master of ours, which says which offsets were reset,
// so that they go back here too; ordinary ones never do.
func TestResetsAreAskedFor(t *testing.T) {
	copyTest(t, func(t *testing.T, r *copying) {
		fields := ""
		set := func(body string) {
			r.answerBy(remoting.ReqGetAllConsumerOffset, func(req *remoting.Request) {
				fields = fmt.Sprint(req.Fields)
				req.Reply(&remoting.Response{Body: []byte(body)})
			})
		}
		check := func(when string, offset int64, asked string) {
			t.Helper()
			if got, _ := r.meta.Offset("g", "T", 0); got != offset || fields != asked {
				t.Errorf("%s: at %d, asked with %s, want %d, %s", when, got, fields, offset, asked)
			}
		}
		const plain, resets = "[]", "[{resets true}]"
		set(`{"offsetTable":{"T@g":{0:100}}}`)
		r.now()
		check("a master that nobody knows yet", 100, plain)
		m := &watchedMaster{copying: r}
		m.begin()
		defer func() { m.stop() }()
		change := func(body string) {
			set(body)
			time.Sleep(time.Second)
			m.change(func(v *replica.TableVersions) { v.Offsets++ })
			synctest.Wait()
		}
		r.now()
		check("one of ours", 100, resets)
		change(`{"offsetTable":{"T@g":{0:40}}}`)
		check("that has an earlier offset", 100, resets)
		change(`{"offsetTable":{"T@g":{0:40}},"resetTable":{"T@g":{0:9}}}`)
		check("that has reset it", 40, resets)
		change(`{"offsetTable":{"T@g":{0:60}},"resetTable":{"T@g":{0:9}}}`)
		check("where consumers go on", 60, resets)
		change(`{"offsetTable":{"T@g":{0:50}},"resetTable":{"T@g":{0:9}}}`)
		check("that forgot that", 60, resets)
		change(`{"offsetTable":{"T@g":{0:50}},"resetTable":{"T@g":{0:8}}}`)
		check("that forgot the reset", 60, resets)
		change(`{"offsetTable":{"T@g":{0:5}},"resetTable":{"T@g":{0:10}}}`)
		check("that has reset it again", 5, resets)
	})
}

// TestDeletionsAreAskedFor: of a master of ours, which says where in the log topics
// were deleted; before it is known to be one, and while the logs are not known to
// be the same, nothing is.
func TestDeletionsAreAskedFor(t *testing.T) {
	copyTest(t, func(t *testing.T, r *copying) {
		fields := ""
		set := func(body string) {
			r.answerBy(remoting.ReqGetAllTopicConfig, func(req *remoting.Request) {
				fields = fmt.Sprint(req.Fields)
				req.Reply(&remoting.Response{Body: []byte(body)})
			})
		}
		m := &watchedMaster{copying: r}
		hold := make(chan struct{}) // the first watch is not answered yet
		r.answerBy(remoting.ReqWatchMetadata, func(req *remoting.Request) {
			go func() { <-hold; req.ReplyError(remoting.RespSystemBusy, "") }()
		})
		set(`{"topicConfigTable":{"T":{},"U":{},"V":{}}}`)
		r.set(func() {
			r.master = "m2:10911"
			r.hosts["m2:10911"], r.hosts["m2:10909"] = r.hosts["m:10911"], r.hosts["m:10909"]
		})
		r.now()
		set(`{"topicConfigTable":{"T":{},"U":{}}}`)
		r.now()
		if _, there := r.meta.topics["V"]; !there || fields != "[]" {
			t.Errorf("a master that nobody knows had a topic deleted, asked with %s", fields)
		}
		close(hold)
		m.begin()
		defer func() { m.stop() }()
		synctest.Wait()
		r.answer(remoting.ReqGetAllConsumerOffset, `{"offsetTable":{"T@g":{0:3},"U@g":{0:9}}}`)
		r.meta.CommitOffset("g", "T", 0, 70)
		r.meta.CommitOffset("g", "U", 0, 70)
		set(`{"topicConfigTable":{"T":{}},"deletedTable":{"T":1000,"U":2000,"W":3000}}`)
		r.set(func() { r.same = false })
		r.now()
		if _, there := r.meta.topics["U"]; !there || len(r.meta.deleted) != 0 || fields != "[{deleted true}]" {
			t.Errorf("the logs may differ: %d topics, deleted %v, asked with %s", len(r.meta.topics), r.meta.deleted, fields)
		}
		r.set(func() { r.same = true })
		r.requests()
		m.change(func(v *replica.TableVersions) { v.Topics++ })
		m.check(t, "a topic was deleted and made again", topics+" "+offsets)
		if want := map[string]int64{"T": 1000, "U": 2000, "W": 3000}; !maps.Equal(r.meta.deleted, want) || len(r.meta.topics) != 1 {
			t.Errorf("deleted %v, %d topics are left; want %v and 1", r.meta.deleted, len(r.meta.topics), want)
		}
		if got, _ := r.meta.Offset("g", "T", 0); got != 3 {
			t.Errorf("in the topic that was made again the group is at %d, want 3", got)
		}
		m.change(func(v *replica.TableVersions) { v.Topics++ })
		m.check(t, "something else has changed", topics)
	})
}

// TestABusyConsumerIsNoStorm: offsets change all the time, and are copied once a second.
func TestABusyConsumerIsNoStorm(t *testing.T) {
	watchTest(t, func(t *testing.T, m *watchedMaster) {
		for range 1000 {
			m.change(func(v *replica.TableVersions) { v.Offsets++ })
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := strings.Count(m.requests(), offsets); n < 9 || n > 12 {
			t.Errorf("in 10 s offsets were copied %d times", n)
		}
	})
}

// TestAMasterThatCannotTell: one of Apache's is asked that once, and for
// everything every period; after it was away it may be another one.
func TestAMasterThatCannotTell(t *testing.T) {
	copyTest(t, func(t *testing.T, r *copying) {
		r.requests()
		time.Sleep(35 * time.Second)
		synctest.Wait()
		if got, want := r.requests(), round+" "+round+" "+round; got != want {
			t.Errorf("in 35 s asked %q, want %q", got, want)
		}
		if r.watches != 1 {
			t.Errorf("asked %d times to tell of changes", r.watches)
		}
		m := &watchedMaster{copying: r}
		m.begin()
		defer func() { m.stop() }()
		fine := r.answers[remoting.ReqGetAllConsumerOffset]
		r.answerBy(remoting.ReqGetAllConsumerOffset, func(req *remoting.Request) { req.ReplyError(remoting.RespSystemError, "it starts") })
		time.Sleep(10 * time.Second)
		r.answerBy(remoting.ReqGetAllConsumerOffset, fine)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.requests()
		m.change(func(v *replica.TableVersions) { v.Topics++ })
		m.check(t, "a topic has changed at the master of ours there", topics)
	})
}

// TestAMasterThatRestarted counts from nothing again: everything is copied.
func TestAMasterThatRestarted(t *testing.T) {
	watchTest(t, func(t *testing.T, m *watchedMaster) {
		m.change(func(v *replica.TableVersions) { v.Topics++ })
		m.check(t, "before", topics)
		m.stop() // who waits is answered
		m.mu.Lock()
		m.now = replica.TableVersions{Topics: 1}
		m.mu.Unlock()
		m.begin()
		time.Sleep(time.Minute + 10*time.Second)
		synctest.Wait()
		m.requests()
		m.change(func(v *replica.TableVersions) { v.Groups++ })
		m.check(t, "after", groups)
	})
}

// TestWatchersAreBounded: one request of each connection, and so many in all; who
// hangs up makes room.
func TestWatchersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := replica.NewWatchers(replica.WatchersOptions{Versions: func() replica.TableVersions { return replica.TableVersions{} }, Max: 2})
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = w.Run(ctx) })
		srv := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(func(req *remoting.Request) {
			if err := w.Serve(req); err != nil {
				req.ReplyError(remoting.RespSystemBusy, err.Error())
			}
		}), OnClose: w.Closed})
		ln := newPipes()
		run.Go(func() { _ = srv.Serve(ctx, ln) })
		dial := func() *remoting.Client {
			return remoting.NewClient(remoting.ClientOptions{Dial: (&copying{t: t, hosts: map[string]*pipes{"m:1": ln}}).dial})
		}
		var clients []*remoting.Client
		for range 3 {
			clients = append(clients, dial())
		}
		defer func() {
			for _, c := range clients {
				_ = c.Close()
			}
			cancel()
			now, stop := context.WithCancel(context.Background())
			stop()
			_ = srv.Shutdown(now)
			run.Wait()
		}()
		answers := make(chan int32, 8)
		ask := func(i int, boot string) {
			conn, err := clients[i].Conn(ctx, "m:1")
			if err != nil {
				t.Fatal(err)
			}
			f := remoting.Fields{{Key: "boot", Value: boot}, {Key: "topics", Value: "0"}, {Key: "groups", Value: "0"}, {Key: "offsets", Value: "0"}}
			conn.Go(&remoting.Command{Code: remoting.ReqWatchMetadata, Fields: f}, time.Minute, func(resp *remoting.Command, err error) {
				if err != nil {
					answers <- -1
					return
				}
				answers <- resp.Code
			})
			synctest.Wait()
		}
		expect := func(when string, want ...int32) {
			t.Helper()
			synctest.Wait()
			for _, code := range want {
				select {
				case got := <-answers:
					if got != code {
						t.Errorf("%s: code %d, want %d", when, got, code)
					}
				default:
					t.Errorf("%s: no answer, want code %d", when, code)
				}
			}
			if len(answers) > 0 {
				t.Errorf("%s: %d answers more", when, len(answers))
			}
		}
		resp, err := clients[0].Call(ctx, "m:1", &remoting.Command{Code: remoting.ReqWatchMetadata, Fields: remoting.Fields{{Key: "boot", Value: "0"}, {Key: "topics", Value: "0"}, {Key: "groups", Value: "0"}, {Key: "offsets", Value: "0"}}})
		if err != nil {
			t.Fatal(err)
		}
		boot := resp.Fields.Get("boot")
		ask(0, boot)
		ask(1, boot)
		expect("two wait")
		ask(2, boot)
		expect("a third", remoting.RespSystemBusy)
		ask(0, boot)
		expect("the first once more", remoting.RespSuccess)
		_ = clients[1].Close()
		expect("the second hangs up", -1)
		ask(2, boot)
		expect("there is room for the third")
		time.Sleep(15 * time.Second)
		expect("their time is up", remoting.RespSuccess, remoting.RespSuccess)
		ask(0, "x")
		expect("nonsense", remoting.RespSystemBusy)
	})
}
