package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"pairmq/discovery"
	"pairmq/hal/link"
	"pairmq/internal/remoting"
)

// A port is one that the daemon should listen on.
type port struct {
	key    string
	number int
	ask    int32 // a request that it answers; 0: none, the protocol is another
}

// portsOf are those of the configuration.
func (x *exam) portsOf() (all []port) {
	if x.cfg.EnableBroker {
		all = append(all, port{"listenPort", x.cfg.ListenPort, remoting.ReqGetBrokerRuntimeInfo}, port{"listenPort - 2", x.cfg.ListenPort - 2, remoting.ReqGetBrokerRuntimeInfo},
			port{"haListenPort", x.cfg.HAListenPort, 0})
	}
	if x.cfg.EnableNamesrv {
		all = append(all, port{"namesrvListenPort", x.cfg.NamesrvListenPort, remoting.ReqGetBrokerClusterInfo})
	}
	return all
}

// at is where a port of this machine is reached from this machine.
func (x *exam) at(number int) string {
	host := "127.0.0.1"
	if a, err := netip.ParseAddr(x.cfg.BindAddress); err == nil && !a.IsUnspecified() {
		host = a.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(number))
}

// ports connects to each port.
func (x *exam) ports(ctx context.Context) {
	if !x.known {
		return
	}
	for _, p := range x.portsOf() {
		addr := x.at(p.number)
		err := x.dial(ctx, addr)
		var resp *remoting.Command
		if err == nil && p.ask != 0 {
			resp, err = x.callBy(ctx, cmp.Or(x.opts.Own, x.opts.Client), addr, p.ask)
		}
		name := "port " + strconv.Itoa(p.number)
		switch {
		case err == nil && x.runs:
			x.ok(name, "%s answers", p.key)
		case err == nil:
			x.wrong(name, "see with ss -ltnp who listens there and end it, or set another "+p.key, "no daemon runs on the folder, and somebody listens at %s, which is %s", addr, p.key)
		case x.runs:
			x.wrong(name, "see the daemon's log; it may run with other ports than "+x.opts.Config+" says now, or still read its log", "%s does not answer at %s: %v", p.key, addr, err)
		default:
			x.ok(name, "%s is free", p.key)
		}
		if p.key == "listenPort" && resp != nil {
			x.info = runtimeOf(resp)
		}
	}
	if !x.runs {
		x.warn("daemon", "systemctl start pairmqd; systemctl status pairmqd says why it does not run", "it does not run")
	}
}

// daemon looks at what the daemon says of itself.
func (x *exam) daemon() {
	if x.info == nil {
		return
	}
	troubles := 0
	for _, t := range []struct {
		key, do string
		wrong   bool
	}{
		{"readOnly", "see docs/operations.md, what the log says and what to do", true},
		{"logDamage", "pairmq log verify --broker " + x.at(x.cfg.ListenPort) + " --alone shows the places; the other half of a pair mends them", true},
		{"logLost", "have producers send again what is missing; replace the medium", true},
		{"haRival", "decide which one is master: pairmq demote --force at the other", true},
		{"haError", "as it says; see the log of the master", true},
		{"haRefused", "if that is the other half, name its address in haPeers, or give both the same haSecretFile (docs/operations.md, A pair)", false},
		{"haOutsider", "if that is the other half, give both the same haSecretFile, or name its address in haPeers: until then both may be master (docs/operations.md, A pair); if not, see namesrvAllowedBrokers", true},
		{"handingTo", "get the other one back, or pairmq promote --force at either", true},
		{"accounts", "see the log; put a copy of the file in its place, or mend it: it is read again", true},
		{"topicsAtQuota", "see who sends so much, or give the topics more in topicMaxBytes", false},
		{"configuredRole", "nothing; edit brokerRole so that both say the same, where that matters", false},
		{"indexing", "wait: until then nothing is stored", false},
	} {
		if v := x.info[t.key]; v != "" {
			troubles++
			x.verdictOf(t.wrong, "daemon", t.do, "%s: %s", t.key, v)
		}
	}
	if strings.Contains(x.info["namesrvs"], " failing") {
		troubles++
		x.wrong("daemon", "is that name server running, and can this machine reach it?", "not registered everywhere: %s", x.info["namesrvs"])
	}
	if troubles == 0 {
		x.ok("daemon", "%s of %s under epoch %s", x.info["brokerRole"], x.cfg.BrokerName, x.info["epoch"])
	}
}

// addresses looks at what clients are told.
func (x *exam) addresses() {
	const name = "address"
	if !x.known || !x.cfg.EnableBroker {
		return
	}
	list, err := link.Interfaces()
	if err != nil {
		x.warn(name, "run this as root", "the links are not known: %v", err)
		return
	}
	addr, from := x.advertised(list)
	if from == "" {
		x.wrong(name, "see ip address: does the link exist, is it up, has it an address?", "brokerIP1=%s is the name of a link that has no address now", x.cfg.BrokerIP1)
		return
	}
	x.host = netip.AddrPortFrom(addr, uint16(x.cfg.ListenPort)).String()
	on := ""
	for _, l := range list {
		for _, a := range l.Addrs {
			if a.Unmap() == addr {
				on = l.Name
			}
		}
	}
	switch {
	case addr.IsLoopback():
		x.warn(name, "give a link an address, or set brokerIP1, where other machines are to reach it", "clients are told %s (%s): only this machine reaches that", x.host, from)
	case on == "":
		x.warn(name, "set brokerIP1 to an address of this machine, or to the name of a link; leave it if a router translates it", "clients are told %s (%s), which no link of this machine has", x.host, from)
	default:
		x.ok(name, "clients are told %s (%s), of %s", x.host, from, on)
	}
}

// advertised works out what the daemon tells, as it does, and by what.
func (x *exam) advertised(list []link.Interface) (netip.Addr, string) {
	if v := x.cfg.BrokerIP1; v != "" {
		if a, err := netip.ParseAddr(v); err == nil {
			return a.Unmap(), "brokerIP1"
		}
		if a, err := link.Of(list, v); err == nil {
			return a, "brokerIP1=" + v
		}
		return netip.Addr{}, ""
	}
	if a, err := netip.ParseAddr(x.cfg.BindAddress); err == nil && !a.IsUnspecified() {
		return a.Unmap(), "bindAddress"
	}
	first, _, _ := strings.Cut(x.cfg.NamesrvAddr, ";")
	if a, err := link.Toward(first); err == nil && !a.IsLoopback() {
		return a, "it reaches the first name server"
	}
	if a, err := link.Choose(list); err == nil {
		return a, "the first that others could reach"
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1}), "there is no other"
}

// nameServers asks each of the list who it is that it knows, and then the other half.
func (x *exam) nameServers(ctx context.Context) {
	if !x.known || !x.cfg.EnableBroker {
		return
	}
	servers, err := discovery.ParseList(x.cfg.NamesrvAddr)
	if err != nil {
		x.wrong("name server", "mend namesrvAddr", "%v", err)
		return
	}
	others := map[string]bool{}
	for _, addr := range servers {
		name := "name server " + addr
		resp, err := x.call(ctx, addr, remoting.ReqGetBrokerClusterInfo)
		var info *discovery.ClusterInfo
		if err == nil {
			info, err = discovery.DecodeClusterInfo(resp.Body)
		}
		if err != nil {
			x.verdictOf(x.runs, name, "is it running, and does a firewall or a route keep this machine from it?", "it does not answer: %v", err)
			continue
		}
		known := false
		for _, a := range info.BrokerAddrTable[x.cfg.BrokerName].BrokerAddrs {
			if a == x.host {
				known = true
			} else {
				others[a] = true
			}
		}
		switch {
		case known:
			x.ok(name, "it answers, and knows %s at %s", x.cfg.BrokerName, x.host)
		case x.runs:
			x.wrong(name, "wait half a minute; then see the daemon's log for registration failed", "it answers, and does not know %s at %s", x.cfg.BrokerName, x.host)
		default:
			x.ok(name, "it answers")
		}
	}
	for _, addr := range slices.Sorted(maps.Keys(others)) {
		x.peer(ctx, addr)
	}
	if len(others) == 0 && x.cfg.WaitsForSlaves() {
		x.wrong("peer", "start the slave, or set brokerRole=ASYNC_MASTER: senders are not answered OK", "brokerRole is SYNC_MASTER, and no slave is registered")
	}
	if len(others) == 0 && x.cfg.Slave() && x.cfg.HAMasterAddress == "" {
		x.wrong("peer", "start the master, and see whether its brokerName is "+x.cfg.BrokerName, "brokerRole is SLAVE, and no master is registered")
	}
}

// peer looks at another broker of this one's name.
func (x *exam) peer(ctx context.Context, addr string) {
	name := "peer " + addr
	if x.known && !mayBeHalf(&x.cfg, addr, x.host) {
		x.warn(name, "give both the same haSecretFile (pairmq cert secret makes one), or name its address in haPeers; nothing if systemd passes the daemon the credential haSecret",
			"its address is not in haPeers, and there is no haSecretFile: neither copies from the other, nor believes it")
	}
	resp, err := x.call(ctx, addr, remoting.ReqGetBrokerRuntimeInfo)
	if errors.Is(err, errDenied) {
		x.warn(name, "put this machine's address into its adminAddresses", "it answers, and does not tell this machine how it is: %v", err)
		x.peerPorts(ctx, name, addr)
		return
	}
	if err != nil {
		x.wrong(name, "is it running, and does a firewall or a route keep this machine from it?", "a name server knows it, and it does not answer: %v", err)
		return
	}
	info := runtimeOf(resp)
	if info["brokerRole"] == "" {
		x.ok(name, "it answers; it is no pairmqd, and does not tell its role")
	} else {
		x.ok(name, "%s under epoch %s: %s", info["brokerRole"], info["epoch"], info["replication"])
	}
	x.sameSegments(ctx, name, addr)
	x.sameClock(ctx, name, addr)
	x.peerPorts(ctx, name, addr)
}

// peerPorts looks whether a slave reaches all ports of another broker.
func (x *exam) peerPorts(ctx context.Context, name, addr string) {
	host, number, err := net.SplitHostPort(addr)
	n, err2 := strconv.Atoi(number)
	if err != nil || err2 != nil {
		return // it has answered there
	}
	for _, p := range []struct {
		number int
		who    string
	}{{n - 2, "slaves copy topics and offsets"}, {x.haPortOf(ctx, addr, n), "slaves copy the log"}} {
		if err := x.dial(ctx, net.JoinHostPort(host, strconv.Itoa(p.number))); err != nil {
			x.wrong(name, "open the port in the firewalls between the two", "its port %d, by which %s, is not reached: %v", p.number, p.who, err)
		}
	}
}

// haPortOf is the port for slaves that a broker's configuration has, or RocketMQ's.
func (x *exam) haPortOf(ctx context.Context, addr string, listen int) int {
	if n, err := strconv.Atoi(x.setting(ctx, addr, "haListenPort")); err == nil && n > 0 {
		return n
	}
	return listen + 1
}

// sameSegments compares what a pair must agree on.
func (x *exam) sameSegments(ctx context.Context, name, addr string) {
	theirs, err := strconv.ParseInt(x.setting(ctx, addr, "mappedFileSizeCommitLog"), 10, 64)
	if err == nil && theirs != x.cfg.SegmentSize {
		x.wrong(name, "set mappedFileSizeCommitLog to the same at both, and begin the slave's store anew", "its mappedFileSizeCommitLog is %d, and %d here: nothing can be replicated", theirs, x.cfg.SegmentSize)
	}
}

// setting asks a broker for one key of its configuration; "" if it does not tell.
func (x *exam) setting(ctx context.Context, addr, key string) string {
	resp, err := x.call(ctx, addr, remoting.ReqGetBrokerConfig)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(resp.Body)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok && k == key {
			return v
		}
	}
	return ""
}

// sameClock compares the clocks of two machines, where the other one tells.
func (x *exam) sameClock(ctx context.Context, name, addr string) {
	begin := time.Now()
	resp, err := x.call(ctx, addr, remoting.ReqGetRecent)
	var body struct {
		Now time.Time `json:"now"`
	}
	if err != nil || json.Unmarshal(resp.Body, &body) != nil || body.Now.IsZero() {
		return
	}
	const most = 5 * time.Second
	if off := body.Now.Sub(begin.Add(time.Since(begin) / 2)).Round(100 * time.Millisecond); off.Abs() > most {
		x.warn(name, "have both synchronised", "its clock is %v off this one's", off)
	}
}

// dial connects, and hangs up.
func (x *exam) dial(ctx context.Context, addr string) error {
	conn, err := (&net.Dialer{Timeout: x.opts.Timeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// errDenied is wrapped where a server answers that this machine may not ask.
var errDenied = errors.New("no right to it")

// call asks a server something that has no fields.
func (x *exam) call(ctx context.Context, addr string, code int32) (*remoting.Command, error) {
	return x.callBy(ctx, x.opts.Client, addr, code)
}

func (x *exam) callBy(ctx context.Context, c *remoting.Client, addr string, code int32) (*remoting.Command, error) {
	ctx, cancel := context.WithTimeout(ctx, x.opts.Timeout)
	defer cancel()
	resp, err := c.Call(ctx, addr, &remoting.Command{Code: code, Language: remoting.Go})
	if err == nil && resp.Code != remoting.RespSuccess {
		err = fmt.Errorf("it answers %s with %s", remoting.RequestName(code), remoting.ResponseName(resp.Code))
		if resp.Code == remoting.RespNoPermission {
			err = fmt.Errorf("%w: %w", errDenied, err)
		}
	}
	return resp, err
}

// runtimeOf decodes a broker's description; empty if it cannot be read.
func runtimeOf(resp *remoting.Command) map[string]string {
	var body struct {
		Table map[string]string `json:"table"`
	}
	if json.Unmarshal(resp.Body, &body) != nil || body.Table == nil {
		return map[string]string{}
	}
	return body.Table
}
