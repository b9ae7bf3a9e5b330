package nameserver

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
)

// A keeper is what a test saves states in.
type keeper struct {
	mu    sync.Mutex
	last  []byte // encoded: what was saved is nobody's any more
	saves int
	fail  error
}

func (k *keeper) save(st *State) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.saves++
	if k.fail != nil {
		return k.fail
	}
	b, err := st.MarshalMsg(nil)
	k.last = b
	return err
}

func (k *keeper) load() (*State, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var st State
	if k.last == nil {
		return &st, nil
	}
	_, err := st.UnmarshalMsg(k.last)
	return &st, err
}

func (k *keeper) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.saves
}

func (k *keeper) options() Options { return Options{Load: k.load, Save: k.save} }

// start runs a server with what k has saved; stop ends it as the daemon does:
// Run first, then the connections.
func (k *keeper) start(t *testing.T, o Options) (s *Server, stop func(...*testBroker)) {
	t.Helper()
	s = newServer(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { _ = s.Run(ctx) })
	return s, func(connected ...*testBroker) {
		cancel()
		run.Wait()
		for _, b := range connected {
			s.Closed(b.conn)
		}
	}
}

// TestRoutesOutliveARestart: clients find brokers while these have not
// registered again; those that do not return in time are dropped, and settings stay.
func TestRoutesOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keeper
		s, stop := k.start(t, k.options())
		a, b := newBroker(s, "a", "h1:10911"), newBroker(s, "b", "h2:10911")
		slave := newBroker(s, "a", "h3:10911")
		slave.id = 1
		for _, x := range []*testBroker{a, b, slave} {
			x.mustRegister(t)
		}
		if resp := s.handle(a.conn, &remoting.Command{Code: remoting.ReqPutKVConfig, Fields: remoting.Fields{{Key: "namespace", Value: "N"}, {Key: "key", Value: "k"}, {Key: "value", Value: "v"}}}); resp.Code != remoting.RespSuccess {
			t.Fatal(resp.Remark)
		}
		time.Sleep(time.Second) // less than saveEvery: the last save is the stop's
		before := routeOf(t, s, "T")
		stop(a, b, slave)

		s, stop = k.start(t, k.options())
		if got := routeOf(t, s, "T"); got == nil || len(got.BrokerDatas) != 2 || len(got.BrokerDatas[0].BrokerAddrs) != 2 || len(before.QueueDatas) != len(got.QueueDatas) {
			t.Errorf("after the restart T has the route %+v, before %+v", got, before)
		}
		if got := s.kv.load()["N"]["k"]; got != "v" {
			t.Errorf("the setting is %q", got)
		}
		checkCounts(t, s)
		time.Sleep(20 * time.Second)
		a.s, slave.s = s, s
		a.conn, slave.conn = new(remoting.Conn), new(remoting.Conn)
		a.mustRegister(t)
		slave.mustRegister(t)
		time.Sleep(returnTime - 22*time.Second)
		if got := routeOf(t, s, "T"); len(got.BrokerDatas) != 2 {
			t.Errorf("before the time is up T has the route %+v", got)
		}
		time.Sleep(10 * time.Second)
		if got := routeOf(t, s, "T"); len(got.BrokerDatas) != 1 || got.BrokerDatas[0].BrokerName != "a" || len(got.BrokerDatas[0].BrokerAddrs) != 2 {
			t.Errorf("after the time was up T has the route %+v", got)
		}
		checkCounts(t, s)
		stop(a, slave)
		s, stop = k.start(t, k.options())
		defer stop()
		if got := routeOf(t, s, "T"); len(got.BrokerDatas) != 1 {
			t.Errorf("after one more restart T has the route %+v", got)
		}
	})
}

// TestNothingIsSavedForNothing: flash is written only when something changes, and
// not for each change at once.
func TestNothingIsSavedForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keeper
		s, stop := k.start(t, k.options())
		b := newBroker(s, "b", "h:10911")
		for range 100 {
			b.mustRegister(t)
			time.Sleep(30 * time.Second)
		}
		if n := k.count(); n != 1 {
			t.Errorf("100 registrations of the same were saved %d times", n)
		}
		for i := range int64(50) {
			b.version.Counter++
			b.topics[1].ReadQueueNums = int32(i + 5)
			b.mustRegister(t)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(2 * saveEvery)
		if n := k.count() - 1; n < 1 || n > 2 {
			t.Errorf("50 changes in half a second were saved %d times", n)
		}
		stop(b)
	})
}

// TestASaveThatFailsIsMadeUpFor: brokers notice nothing, and the log says it once.
func TestASaveThatFailsIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var notes bytes.Buffer
		k := keeper{fail: errors.New("no space")}
		o := k.options()
		o.Log = slog.New(slog.NewTextHandler(&notes, nil))
		s, stop := k.start(t, o)
		b := newBroker(s, "b", "h:10911")
		b.mustRegister(t)
		time.Sleep(time.Minute)
		b.mustRegister(t)
		if n := k.count(); n < 20 || strings.Count(notes.String(), "no space") != 1 {
			t.Errorf("tried %d times, and logged %s", n, &notes)
		}
		k.mu.Lock()
		k.fail = nil
		k.mu.Unlock()
		time.Sleep(2 * saveEvery)
		stop(b)
		s, stop = k.start(t, k.options())
		defer stop()
		if routeOf(t, s, "T") == nil {
			t.Error("it was not saved later")
		}
	})
}
