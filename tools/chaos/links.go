package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pairmq/internal/remoting"
	"pairmq/tools/chaos/check"
	"pairmq/tools/harness"
)

// foundWithin is how soon after a link has come up, or an address has changed,
// clients have to find the broker again.
const foundWithin = 2 * time.Second

// stick is the link that a broker is known by in the second part: it is made and taken
// away like one that is plugged in.
const stick = "wwan0"

// linkSteps are what is done to the broker's link, and for how long it is down
// meanwhile; addr is its address from then on.
func linkSteps() []linkStep {
	return []linkStep{
		{"the link is down for 0.3 s", 300 * time.Millisecond, "198.18.1.2"},
		{"the link is down for 3 s", 3 * time.Second, "198.18.1.2"},
		{"the link is down for 12 s", 12 * time.Second, "198.18.1.2"},
		{"the address changes", 0, "198.18.1.77"},
		{"the link is down for 3 s, and comes up with another address", 3 * time.Second, "198.18.1.78"},
		{"the first address comes back", 0, "198.18.1.2"},
		{"the link is down for 0.3 s, and comes up with another address", 300 * time.Millisecond, "198.18.1.79"},
	}
}

type linkStep struct {
	what string
	down time.Duration
	addr string
}

// A linkRig is one broker that finds its own address, a name server, and a
// client that looks for it.
type linkRig struct {
	ctx     context.Context
	lan     *lan
	dir     string
	client  *remoting.Client
	broker  *process
	namesrv *process
	addr    string
}

// runLinks does the steps and returns how many took too long.
func runLinks(a args) (failed int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := newLAN()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errUnable, err)
	}
	defer l.close()
	r := &linkRig{ctx: ctx, lan: l, dir: a.dir, client: remoting.NewClient(remoting.ClientOptions{DialTimeout: dialTime}), addr: "198.18.1.2"}
	defer r.client.Close()
	r.namesrv = &process{log: filepath.Join(a.dir, "namesrv.log"), argv: []string{a.bin, "--enableBroker=false", "--enableNamesrv=true", "--storePathRootDir=" + filepath.Join(a.dir, "namesrv")}}
	r.broker = &process{log: filepath.Join(a.dir, "broker.log"), argv: append(l.within(0), a.bin, "--brokerName=links", "--logFormat=text", "--logLevel=debug",
		"--storePathRootDir="+filepath.Join(a.dir, "store"), "--mappedFileSizeCommitLog=8m", fmt.Sprintf("--namesrvAddr=%s:9876", namesrvIP))}
	defer r.namesrv.kill()
	defer r.broker.kill()
	if err := errors.Join(r.namesrv.start(), r.broker.start()); err != nil {
		return 0, err
	}
	if took, err := r.found(startTime); err != nil {
		return 0, fmt.Errorf("%w: a send after the start: %w", errUnable, err)
	} else {
		fmt.Printf("links: the first send is answered %v after the start\n", took.Round(time.Millisecond))
	}
	judge := func(what string) error {
		took, err := r.found(startTime)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		verdict := "ok"
		if err != nil || took > foundWithin {
			failed++
			verdict = fmt.Sprintf("FAILED, at most %v are allowed (%v)", foundWithin, err)
		}
		fmt.Printf("links: %s: clients send again after %v: %s\n", what, took.Round(time.Millisecond), verdict)
		return nil
	}
	steps := linkSteps()
	for _, s := range steps {
		if err := r.do(s); err != nil {
			return failed, err
		}
		if err := judge(s.what); err != nil {
			return failed, err
		}
	}
	if err := r.broker.stop(); err != nil {
		return failed, err
	}
	sticks := 0
	for _, s := range stickSteps() {
		if err := r.doStick(s); err != nil {
			return failed, err
		}
		sticks++
		if err := judge(s.what); err != nil {
			return failed, err
		}
	}
	if err := r.broker.stop(); err != nil {
		return failed, err
	}
	// From now on it finds its address by itself again.
	r.broker.argv = r.broker.argv[:len(r.broker.argv)-1]
	if err := r.broker.start(); err != nil {
		return failed, err
	}
	for _, s := range routeSteps() {
		pause(ctx, calmTime)
		took, err := r.doRoute(s.lines)
		if err != nil {
			return failed, err
		}
		sticks++
		verdict := "ok"
		if took > foundWithin {
			failed++
			verdict = fmt.Sprintf("FAILED, at most %v are allowed", foundWithin)
		}
		fmt.Printf("links: %s: name servers know the broker at %s after %v: %s\n", s.what, r.addr, took.Round(time.Millisecond), verdict)
		if err := judge(s.what); err != nil {
			return failed, err
		}
	}
	if n := r.broker.starts; n != 3 {
		failed++
		fmt.Printf("links: the broker was started %d times, want 3: FAILED\n", n)
	}
	if err := r.broker.stop(); err != nil {
		return failed, err
	}
	fmt.Printf("links: %d passed, %d failed\n", len(steps)+sticks-failed, failed)
	return failed, nil
}

// calmTime lies before each change of a route: a broker that has just moved looks where it is
// anyhow.
const calmTime = 2 * time.Second

// routeSteps are what is done to the routes of a broker with two uplinks, and no link or
// address with it, but at last.
func routeSteps() []routeStep {
	return []routeStep{
		{"the default route is the LAN's", []string{"ip route del default", "ip route add default via 198.18.1.1 metric 200"}},
		{"a better one leads over the stick", []string{"ip route add default via 198.18.5.1 metric 100"}},
		{"that one goes", []string{"ip route del default via 198.18.5.1 metric 100"}},
		{"it is back", []string{"ip route add default via 198.18.5.1 metric 100"}},
		{"the stick is pulled out", []string{"ip link del " + stick}},
	}
}

type routeStep struct {
	what  string
	lines []string
}

// doRoute runs the lines in the broker's namespace, and returns how long it took until name servers
// knew the broker where the kernel leads to them from by then.
func (r *linkRig) doRoute(lines []string) (took time.Duration, err error) {
	in := r.lan.within(0)
	for _, line := range lines {
		if err := command("", append(in, strings.Fields(line)...)...); err != nil {
			return 0, err
		}
	}
	begin := time.Now()
	argv := append(in, "ip", "-o", "route", "get", namesrvIP.String())
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	_, rest, _ := strings.Cut(string(out), " src ")
	r.addr, _, _ = strings.Cut(rest, " ")
	ctx, cancel := context.WithTimeout(r.ctx, startTime)
	defer cancel()
	for {
		at, err := r.route()
		if err == nil && at == r.addr {
			return time.Since(begin), nil
		}
		if pause(ctx, 10*time.Millisecond); ctx.Err() != nil {
			return 0, fmt.Errorf("the broker was not found at %s within %v, but at %q (%v)", r.addr, startTime, at, err)
		}
	}
}

// stickSteps are what is done to a broker that is known by a link which comes and goes,
// while another one goes on and leads to the name server.
func stickSteps() []stickStep {
	return []stickStep{
		{"the broker is started 3 s before its link is there", true, 3 * time.Second, "198.18.5.2"},
		{"its link is pulled out, and is back after 3 s with another address", false, 3 * time.Second, "198.18.5.9"},
		{"its link is pulled out, and is back after 3 s as it was", false, 3 * time.Second, "198.18.5.9"},
		{"its link is pulled out, and is back after 0.3 s with another address", false, 300 * time.Millisecond, "198.18.5.2"},
	}
}

type stickStep struct {
	what  string
	start bool          // the broker; its link is not there
	away  time.Duration // of the link
	addr  string        // that it has then
}

// doStick does a step, and returns at the moment at which the link has its address. While it is away the
// broker must run, and name servers must not be told of it elsewhere.
func (r *linkRig) doStick(s stickStep) error {
	hub := func(line string) error { return command("", strings.Fields(line)...) }
	in := strings.Join(r.lan.within(0), " ") + " "
	if s.start {
		r.broker.argv = append(r.broker.argv, "--brokerIP1="+stick)
		if err := r.broker.start(); err != nil {
			return err
		}
	} else if err := hub(in + "ip link del " + stick); err != nil {
		return err
	}
	end := time.Now().Add(s.away)
	for time.Now().Before(end) && r.ctx.Err() == nil {
		if addr, err := r.route(); err == nil && addr != r.addr {
			return fmt.Errorf("%s: the name server was told of %s, where nobody else can reach the broker", s.what, addr)
		}
		if r.broker.ended() {
			return fmt.Errorf("%s: the broker has ended; see %s", s.what, r.broker.log)
		}
		pause(r.ctx, 20*time.Millisecond)
	}
	r.addr = s.addr
	return errors.Join(
		hub(fmt.Sprintf("ip link add stick type veth peer name %s netns %d", stick, r.lan.holders[0].Process.Pid)),
		hub("ip addr add 198.18.5.1/24 dev stick"), hub("ip link set stick up"),
		hub(in+"ip link set "+stick+" up"),
		hub(fmt.Sprintf("%sip addr add %s/24 dev %s", in, s.addr, stick)))
}

// do does a step, and returns at the moment at which the broker can be reached again.
func (r *linkRig) do(s linkStep) error {
	in := strings.Join(r.lan.within(0), " ")
	run := func(format string, args ...any) error {
		return command("", strings.Fields(in+" "+fmt.Sprintf(format, args...))...)
	}
	if s.down > 0 {
		if err := run("ip link set eth0 down"); err != nil {
			return err
		}
		end := time.Now().Add(s.down)
		for time.Now().Before(end) && r.ctx.Err() == nil { // clients go on trying
			_ = r.send()
			pause(r.ctx, 20*time.Millisecond)
		}
	}
	if s.addr != r.addr {
		if err := errors.Join(run("ip addr del %s/24 dev eth0", r.addr), run("ip addr add %s/24 dev eth0", s.addr)); err != nil {
			return err
		}
		r.addr = s.addr
	}
	if s.down > 0 {
		if err := run("ip link set eth0 up"); err != nil {
			return err
		}
	}
	return run("ip route replace default via %s", gatewayIP[0]) // as a DHCP client would
}

// found tries until a message is answered OK, and says how long that took.
func (r *linkRig) found(limit time.Duration) (time.Duration, error) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(r.ctx, limit)
	defer cancel()
	for {
		err := r.send()
		if err == nil || ctx.Err() != nil {
			return time.Since(begin), err
		}
		pause(ctx, 10*time.Millisecond)
	}
}

// ask asks whoever is at addr, with little patience.
func (r *linkRig) ask(addr string, req *remoting.Command) (*remoting.Command, error) {
	const impatience = 300 * time.Millisecond
	ctx, cancel := context.WithTimeout(r.ctx, impatience)
	defer cancel()
	conn, err := r.client.Conn(ctx, addr)
	if err != nil {
		return nil, err
	}
	resp, err := conn.Call(ctx, req)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return resp, harness.Refused(resp)
}

// route is where the name server says that the broker is.
func (r *linkRig) route() (string, error) {
	resp, err := r.ask(namesrvIP.String()+":9876", &remoting.Command{Code: remoting.ReqGetRouteinfoByTopic, Fields: remoting.Fields{{Key: "topic", Value: "TBW102"}}})
	if err != nil {
		return "", err
	}
	addr, _, _ := strings.Cut(masterIn(string(resp.Body)), ":")
	if addr == "" {
		return "", fmt.Errorf("the route has no master: %s", resp.Body)
	}
	return addr, nil
}

// send looks up where the broker is, as a client does that has just failed, and
// sends one message.
func (r *linkRig) send() error {
	addr, err := r.route()
	if err != nil {
		return err
	}
	_, err = r.ask(addr+":10911", &remoting.Command{Code: remoting.ReqSendMessageV2, Body: check.Body(1), Fields: remoting.Fields{
		{Key: "a", Value: "LinksProducer"}, {Key: "b", Value: "Links"}, {Key: "c", Value: "TBW102"}, {Key: "d", Value: "1"}, {Key: "e", Value: "0"}, {Key: "f", Value: "0"},
		{Key: "g", Value: strconv.FormatInt(time.Now().UnixMilli(), 10)}, {Key: "h", Value: "0"}, {Key: "i", Value: ""}, {Key: "j", Value: "0"}, {Key: "k", Value: "false"}, {Key: "m", Value: "false"},
	}})
	return err
}

// masterIn finds the address of the master in a route of one broker.
func masterIn(route string) string {
	_, rest, _ := strings.Cut(route, `"brokerAddrs":{"0":"`)
	addr, _, found := strings.Cut(rest, `"`)
	if !found {
		return ""
	}
	return addr
}
