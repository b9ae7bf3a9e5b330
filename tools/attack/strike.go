package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"pairmq/internal/remoting"
)

// The ports of a gateway.
const (
	brokerPort  = 10911
	olderPort   = 10909
	haPort      = 10912
	metricsPort = 10915
	namesrvPort = 9876
)

// remotingPorts are those that speak RocketMQ's protocol.
func remotingPorts() []int { return []int{brokerPort, olderPort, namesrvPort} }

// An attack is what a stranger does, and what must come of it.
type attack struct {
	name string
	what string // in a line, for the table
	on   stage
	time time.Duration // of the strike; what comes back later does not count
	do   func(*stranger)

	again   bool     // do is over soon, and is done again while there is time
	addrs   int      // of the strangers' that it comes from; 0: few
	peer    bool     // it comes from the host of the pair's other half instead
	heavy   bool     // each 8th message of the client is of 64 KiB, also in the quiet moments beside it
	quiet   bool     // what comes is ordinary, or is told to who sent it: the log may be silent
	names   int      // kinds of things that are made up: of each a hundred may be logged, for a new gateway has as many
	needs   string   // a key of the configuration, without which there is no such attack; empty: none
	pending string   // why it cannot be refused yet; empty: it must be
	until   []string // keys of the configuration: a daemon that has all of them must refuse it
	// outside is what an attack wants to change, as who runs the gateway sees it; nil: nothing.
	outside func(context.Context, *scene) (string, error)
}

// A stage is what the daemon is set up as.
type stage int

const (
	installed stage = iota // as the package comes
	secured                // tlsServerMode=enforcing, and certificates wanted
	accounts               // aclEnable
	paired                 // SYNC_MASTER with a slave
	misled                 // a slave whose master is a stranger
	staged                 // how many there are
)

func (s stage) String() string {
	return [...]string{"installed", "TLS", "accounts", "pair", "misled"}[s]
}

// An outcome is what an attack did, and what came back.
type outcome struct {
	Conns, Requests, Bytes int64
	Answers                map[string]int
	Longest                time.Duration // that a connection was suffered which should be closed
	Wrong                  []string      // what should not have come back
}

// A stranger strikes from some addresses of its host.
type stranger struct {
	ctx     context.Context
	gateway string
	from    []net.IP

	mu  sync.Mutex // guards out
	out outcome
}

// strike is what this program does as a stranger: it prints the outcome.
func strike(a args) error {
	if a.strike == scanName {
		return scan(a)
	}
	all := attacks()
	i := slices.IndexFunc(all, func(x attack) bool { return x.name == a.strike })
	if i < 0 {
		return fmt.Errorf("there is no attack %s", a.strike)
	}
	ctx, cancel := context.WithTimeout(context.Background(), all[i].time)
	defer cancel()
	begin := time.Now()
	_ = prefer(strangersNice) // who has started this has said why it cannot be
	s := &stranger{ctx: ctx, gateway: a.gateway, out: outcome{Answers: map[string]int{}}}
	s.from = all[i].sources()
	all[i].do(s)
	round := time.Since(begin)
	for all[i].again && time.Until(s.end()) > 2*round+soon {
		start := time.Now()
		pause(ctx, 50*time.Millisecond) // it is no flood
		all[i].do(s)
		round = max(round, time.Since(start))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.out.Answers) == 0 {
		s.out.Wrong = append(s.out.Wrong, "nothing came back at all")
	}
	return json.NewEncoder(os.Stdout).Encode(&s.out)
}

// sources are the addresses that an attack comes from.
func (x *attack) sources() (all []net.IP) {
	if x.peer {
		return []net.IP{net.ParseIP(peerIP)}
	}
	for n := range cmp.Or(x.addrs, few) {
		ip := slices.Clone(net.ParseIP(strangerIP).To4())
		ip[3] += byte(n)
		all = append(all, ip)
	}
	return all
}

// answer counts what came back.
func (s *stranger) answer(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.Answers[fmt.Sprintf(format, args...)]++
}

// wrong notes what should not have come back.
func (s *stranger) wrong(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text := fmt.Sprintf(format, args...); len(s.out.Wrong) < 20 && !slices.Contains(s.out.Wrong, text) {
		s.out.Wrong = append(s.out.Wrong, text)
	}
}

// dial connects from the stranger's first address.
func (s *stranger) dial(port int) (net.Conn, error) { return s.dialFrom(0, port) }

// dialFrom connects from an address of the stranger's. It counts what is connected.
func (s *stranger) dialFrom(n, port int) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: s.from[n%len(s.from)]}, Timeout: 2 * time.Second}
	nc, err := d.DialContext(s.ctx, "tcp4", net.JoinHostPort(s.gateway, strconv.Itoa(port)))
	if err == nil {
		s.mu.Lock()
		s.out.Conns++
		s.mu.Unlock()
	} else if !time.Now().Before(s.end()) {
		<-s.ctx.Done() // a moment later than its time: who dials again meanwhile only spins
	}
	return nc, err
}

// send writes to a connection, and counts it as one request.
func (s *stranger) send(nc net.Conn, b []byte) error {
	_ = nc.SetWriteDeadline(s.end())
	n, err := nc.Write(b)
	s.mu.Lock()
	s.out.Bytes += int64(n)
	s.out.Requests++
	s.mu.Unlock()
	return err
}

// end is when the attack is over.
func (s *stranger) end() time.Time {
	by, _ := s.ctx.Deadline()
	return by
}

// closes waits until the other side hangs up, and notes how long that took since begin. It
// is wrong if it does not within limit. What is read meanwhile is left.
func (s *stranger) closes(nc net.Conn, what string, begin time.Time, limit time.Duration) {
	_ = nc.SetReadDeadline(begin.Add(limit))
	_, err := io.Copy(io.Discard, nc)
	if isTimeout(err) { // who comes late to look may find it closed
		_ = nc.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, err = io.Copy(io.Discard, nc)
	}
	took := time.Since(begin)
	if isTimeout(err) {
		s.wrong("%s: still open after %v", what, limit)
		s.answer("not closed")
		return
	}
	s.mu.Lock()
	s.out.Longest = max(s.out.Longest, took)
	s.mu.Unlock()
	s.answer("closed")
}

// crowd has so many do something at the same time, and waits for them.
func (s *stranger) crowd(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// again does something again and again, in so many at a time, until the attack is over.
func (s *stranger) again(n int, do func(i int)) {
	s.crowd(n, func(i int) {
		for s.ctx.Err() == nil {
			do(i)
		}
	})
}

// hold waits until the attack is over.
func (s *stranger) hold() { <-s.ctx.Done() }

// request is a frame as a client of RocketMQ would send it.
func request(code int32, f remoting.Fields, body []byte) []byte {
	return remoting.AppendCommand(nil, &remoting.Command{
		Code: code, Fields: f, Body: body, Opaque: rand.Int32(), Language: remoting.Java, Version: remoting.Version, Serialize: remoting.JSON,
	})
}

// fields are pairs of a key and a value.
func fields(pairs ...string) (f remoting.Fields) {
	for i := 0; i < len(pairs); i += 2 {
		f = append(f, remoting.Field{Key: pairs[i], Value: pairs[i+1]})
	}
	return f
}

// ask sends one request over a connection of its own and returns the answer.
func (s *stranger) ask(port int, frame []byte) (*remoting.Command, error) {
	nc, err := s.dial(port)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	return s.askOn(nc, frame)
}

// askOn is ask on a connection that there is.
func (s *stranger) askOn(nc net.Conn, frame []byte) (*remoting.Command, error) {
	if err := s.send(nc, frame); err != nil {
		return nil, err
	}
	_ = nc.SetReadDeadline(s.end())
	return readAnswer(nc)
}

// must asks and is wrong unless the answer is a refusal, or the end of the connection.
func (s *stranger) must(port int, what string, frame []byte) {
	resp, err := s.ask(port, frame)
	switch {
	case err != nil && s.ctx.Err() != nil:
		s.wrong("%s: no answer", what)
	case err != nil:
		s.answer("closed")
	default:
		s.refused(what, resp)
	}
}

// refused notes an answer, which is wrong if it is SUCCESS.
func (s *stranger) refused(what string, resp *remoting.Command) {
	if resp.Code == remoting.RespSuccess {
		s.wrong("%s: answered with SUCCESS", what)
	}
	s.answer("%s", remoting.ResponseName(resp.Code))
}
