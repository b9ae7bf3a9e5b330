package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"pairmq/internal/remoting"
	"pairmq/replica/epoch"
	"pairmq/replica/pair"
)

// An heir is a slave that says what a test wants it to.
type heir struct {
	t    *testing.T
	addr string

	mu       sync.Mutex // guards the rest
	state    pair.State
	promoted func(*remoting.Request) // serves 31002
}

// newHeir starts a slave of d, which remembers it.
func (d *daemonUnderTest) newHeir() *heir {
	d.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	h := &heir{t: d.t, addr: ln.Addr().String()}
	h.state = pair.State{BrokerName: "under-test", Role: pair.Slave, BrokerID: 1, SlaveID: 1, Addr: h.addr, HAAddr: h.addr, SegmentSize: 8 << 20}
	srv := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(h.serve)})
	done := make(chan error, 1)
	go func() { done <- srv.Serve(context.Background(), ln) }()
	d.t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel() // some are never answered
		_ = srv.Shutdown(now)
		if err := <-done; err != nil {
			d.t.Error(err)
		}
	})
	h.copies(d)
	return h
}

func (h *heir) serve(req *remoting.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch req.Code {
	case remoting.ReqExchangePairState:
		body, err := h.state.Encode()
		if err != nil {
			h.t.Error(err)
		}
		req.Reply(&remoting.Response{Body: body})
	case remoting.ReqPromoteBroker:
		h.promoted(req)
	default:
		req.ReplyError(remoting.RespRequestCodeNotSupported, "not of this heir")
	}
}

// copies lets the slave have all that d has.
func (h *heir) copies(d *daemonUnderTest) {
	h.t.Helper()
	h.mu.Lock()
	own, err := h.state.Encode()
	h.mu.Unlock()
	if err != nil {
		h.t.Fatal(err)
	}
	r := d.call(d.broker, &remoting.Command{Code: remoting.ReqExchangePairState, Body: own})
	his, err := pair.Decode(r.Body)
	if err != nil {
		h.t.Fatalf("the master answers %d %q %s: %v", r.Code, r.Remark, r.Body, err)
	}
	h.becomes(func(s *pair.State) { s.Start, s.End, s.Epochs = his.Start, his.End, his.Epochs })
}

func (h *heir) becomes(change func(*pair.State)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.state)
}

// when says how the slave answers when it is to take over.
func (h *heir) when(promoted func(*remoting.Request)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.promoted = promoted
}

// TestAnHeirThatDoesNotTakeOver leaves the master what it was: it goes on storing.
func TestAnHeirThatDoesNotTakeOver(t *testing.T) {
	d := newDaemon(t)
	d.start()
	d.mustSend("before", 3, 0)
	h := d.newHeir()
	h.when(func(req *remoting.Request) { req.ReplyError(remoting.RespIllegalOperation, "not I") })
	if r := d.change(remoting.ReqDemoteBroker); r.Code != remoting.RespIllegalOperation || !strings.Contains(r.Remark, "not I") {
		t.Errorf("demote answers %d %q, want what the heir said", r.Code, r.Remark)
	}
	d.mustSend("after", 1, 3) // which the heir does not copy
	if r := d.change(remoting.ReqDemoteBroker); r.Code != remoting.RespIllegalOperation || !strings.Contains(r.Remark, "did not come to have everything") {
		t.Errorf("demote to one that is behind answers %d %q", r.Code, r.Remark)
	}
	if info := d.info(); info["brokerRole"] != "ASYNC_MASTER" || info["epoch"] != "1" || info["handingTo"] != "" {
		t.Errorf("the master has become %s under epoch %s, handing over to %q", info["brokerRole"], info["epoch"], info["handingTo"])
	}
	d.mustSend("in the end", 1, 4)
	stopAll(t, d)
}

// TestAnHeirWhoseAnswerIsLost takes over, but that is not known: nothing is
// stored until it says so itself, also not while a second person asks.
func TestAnHeirWhoseAnswerIsLost(t *testing.T) {
	d := newDaemon(t)
	d.start()
	d.mustSend("before", 3, 0)
	h := d.newHeir()
	h.when(func(req *remoting.Request) { _ = req.Conn().Close() })
	if r := d.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSystemError || !strings.Contains(r.Remark, "not known") {
		t.Errorf("demote answers %d %q", r.Code, r.Remark)
	}
	if r := d.send("Roles", "meanwhile"); r.Code != remoting.RespServiceNotAvailable {
		t.Errorf("a master that hands over answers a send with %d %q", r.Code, r.Remark)
	}
	if r := d.change(remoting.ReqDemoteBroker); r.Code != remoting.RespIllegalOperation || !strings.Contains(r.Remark, h.addr) {
		t.Errorf("a second demotion answers %d %q", r.Code, r.Remark)
	}
	h.becomes(func(s *pair.State) {
		s.Role = pair.AsyncMaster
		s.Epochs = append(s.Epochs, epoch.Epoch{Number: 2, ID: 7, Start: s.End})
	})
	eventually(t, "the master gives way", func() bool { return d.info()["brokerRole"] == "SLAVE" })
	if got := d.info()["handingTo"]; got != "" {
		t.Errorf("a slave hands over to %q", got)
	}
	stopAll(t, d)
}

// TestWhoWaitsAtAMasterIsAnswered: a pull that is held does not outlive the
// master that holds it.
func TestWhoWaitsAtAMasterIsAnswered(t *testing.T) {
	d := newDaemon(t)
	d.start()
	d.mustSend("before", 1, 0)
	f := remoting.Fields{{Key: "consumerGroup", Value: "cg"}, {Key: "topic", Value: "Roles"}, {Key: "queueId", Value: "0"},
		{Key: "queueOffset", Value: "1"}, {Key: "maxMsgNums", Value: "32"}, {Key: "sysFlag", Value: "6"}, {Key: "commitOffset", Value: "0"},
		{Key: "suspendTimeoutMillis", Value: "600000"}, {Key: "subscription", Value: "TagA"}, {Key: "subVersion", Value: "0"}}
	waiter := remoting.NewClient(remoting.ClientOptions{})
	defer waiter.Close()
	conn, err := waiter.Conn(t.Context(), d.broker)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		resp *remoting.Command
		err  error
	}
	got := make(chan answer, 1)
	conn.Go(&remoting.Command{Code: remoting.ReqPullMessage, Fields: f}, time.Hour, func(resp *remoting.Command, err error) { got <- answer{resp, err} })
	if _, err := conn.Call(t.Context(), &remoting.Command{Code: remoting.ReqGetBrokerRuntimeInfo}); err != nil { // comes after the pull
		t.Fatal(err)
	}
	select {
	case a := <-got:
		t.Fatalf("the pull was not held: %+v, %v", a.resp, a.err)
	default:
	}
	if r := d.change(remoting.ReqDemoteBroker, "force", "true"); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	switch a := <-got; {
	case a.err == nil && a.resp.Code != remoting.RespPullNotFound:
		t.Errorf("the pull is answered %d %q", a.resp.Code, a.resp.Remark)
	case a.err != nil && !errors.Is(a.err, remoting.ErrClosed):
		t.Errorf("the pull ends with %v", a.err)
	}
	d.is("SLAVE", "1")
	stopAll(t, d)
}
