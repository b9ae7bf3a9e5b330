package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pairmq/internal/remoting"
)

// scanName is the strike that is no attack.
const scanName = "portscan"

// A said thing is what a stranger says to a port that is open.
type said struct {
	what string
	do   func(*stranger, int) string // says it, and returns what is heard
}

// A heard port is one that is open, and what it answers, in the order of what is said.
type heard struct {
	Port    int
	Answers []string
}

// A registered is the broker that a route has, as everybody may read there.
type registered struct{ name, addr string }

var (
	nameInRoute = regexp.MustCompile(`"brokerName":"([^"]+)"`)
	addrInRoute = regexp.MustCompile(`"?0"?:"([^"]+)"`)
)

// findBroker asks the name server for the gateway's own broker.
func (s *stranger) findBroker() (r registered) {
	resp, err := s.ask(namesrvPort, request(remoting.ReqGetRouteinfoByTopic, fields("topic", "TBW102"), nil))
	if err != nil {
		return r
	}
	if m := nameInRoute.FindSubmatch(resp.Body); m != nil {
		r.name = string(m[1])
	}
	if m := addrInRoute.FindSubmatch(resp.Body); m != nil {
		r.addr = string(m[1])
	}
	return r
}

// speakFor says a request as if the gateway's own broker did.
func speakFor(code int32, more remoting.Fields, body string) func(*stranger, int) string {
	return func(s *stranger, port int) string {
		own := s.findBroker()
		f := append(fields("brokerName", own.name, "brokerAddr", own.addr, "clusterName", "DefaultCluster", "brokerId", "0"), more...)
		return s.hearAnswer(port, request(code, f, []byte(strings.ReplaceAll(body, "NAME", own.name))))
	}
}

// sayings are what is said to each port.
func sayings() []said {
	ask := func(code int32, f remoting.Fields, body string) func(*stranger, int) string {
		return func(s *stranger, port int) string { return s.hearAnswer(port, request(code, f, []byte(body))) }
	}
	raw := func(b []byte) func(*stranger, int) string {
		return func(s *stranger, port int) string { return s.hear(port, b) }
	}
	create := fields("topic", "OfAStranger", "defaultTopic", "TBW102", "readQueueNums", "1", "writeQueueNums", "1", "perm", "6", "topicFilterType", "SINGLE_TAG", "topicSysFlag", "0", "order", "false")
	return []said{
		{"nothing, for 2 s", raw(nil)},
		{"64 bytes of noise", raw(append([]byte{0x7f}, bytes.Repeat([]byte{0xa5}, 63)...))},
		{"`GET / HTTP/1.1`", raw([]byte("GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"))},
		{"a TLS handshake", shakenHands},
		{"a slave's report: 0", raw(make([]byte, 8))},
		{"GET_ROUTEINFO_BY_TOPIC", ask(remoting.ReqGetRouteinfoByTopic, fields("topic", "TBW102"), "")},
		{"SEND_MESSAGE_V2 to a new topic", ask(remoting.ReqSendMessageV2, sendFields("Scanned", 1, 0), "x")},
		{"PULL_MESSAGE", ask(remoting.ReqPullMessage, pullFields("TBW102", "Scan", 0, 0, 0), "")},
		{"GET_BROKER_CONFIG", ask(remoting.ReqGetBrokerConfig, nil, "")},
		{"UPDATE_BROKER_CONFIG", ask(remoting.ReqUpdateBrokerConfig, nil, "filterServerNums=1")},
		{"UPDATE_AND_CREATE_TOPIC", ask(remoting.ReqUpdateAndCreateTopic, create, "")},
		{"GET_ALL_CONSUMER_OFFSET", ask(remoting.ReqGetAllConsumerOffset, nil, "")},
		{"GET_NAMESRV_CONFIG", ask(remoting.ReqGetNamesrvConfig, nil, "")},
		{"PUT_KV_CONFIG", ask(remoting.ReqPutKVConfig, fields("namespace", "Scan", "key", "k", "value", "v"), "")},
		{"REGISTER_BROKER of another", ask(remoting.ReqRegisterBroker, fields("brokerName", "scan", "brokerAddr", strangerIP+":10911", "clusterName", "C", "haServerAddr", strangerIP+":10912", "brokerId", "0"), "")},
		{"BROKER_HEARTBEAT of this broker", speakFor(remoting.ReqBrokerHeartbeat, nil, "")},
		{"REGISTER_TOPIC_IN_NAMESRV of this broker", speakFor(remoting.ReqRegisterTopicInNamesrv, fields("topic", "Scanned2"), `{"queueDatas":[{"brokerName":"NAME","perm":6,"readQueueNums":1,"writeQueueNums":1}]}`)},
		{"UNREGISTER_BROKER of this broker", speakFor(remoting.ReqUnregisterBroker, nil, "")},
		{"UPDATE_CONSUMER_OFFSET of a group", ask(remoting.ReqUpdateConsumerOffset, fields("consumerGroup", "Scan", "topic", "TBW102", "queueId", "0", "commitOffset", "7"), "")},
		{"LOCK_BATCH_MQ of a group", ask(remoting.ReqLockBatchMQ, nil, `{"consumerGroup":"Scan","clientId":"scan","mqSet":[{"topic":"TBW102","brokerName":"gw","queueId":0}]}`)},
		{"HEART_BEAT", ask(remoting.ReqHeartBeat, nil, `{"clientID":"scan","producerDataSet":[{"groupName":"Scan"}],"consumerDataSet":[]}`)},
		{"QUERY_MESSAGE by key", ask(remoting.ReqQueryMessage, fields("topic", "TBW102", "key", "k", "maxNum", "1", "beginTimestamp", "0", "endTimestamp", "9999999999999"), "")},
		{"AUTH_CREATE_USER", ask(remoting.ReqAuthCreateUser, fields("username", "scan"), `{"username":"scan","password":"12345678","userType":"Super"}`)},
		{"the log's last lines (31009)", ask(remoting.ReqGetRecent, nil, "")},
		{"a request code that is none", ask(4711, nil, "")},
	}
}

// replicationHead is what the replication port may say before it hangs up: where the log
// ends. It does not always arrive.
const replicationHead = 12

// hear says bytes and returns what comes back within 2 s.
func (s *stranger) hear(port int, b []byte) string {
	nc, err := s.dial(port)
	if err != nil {
		return "cannot connect"
	}
	defer nc.Close()
	_ = s.send(nc, b)
	_ = nc.SetReadDeadline(time.Now().Add(2 * time.Second))
	got, err := io.ReadAll(io.LimitReader(nc, 1<<16))
	end := "hangs up"
	if isTimeout(err) {
		end = "stays open"
	}
	if len(got) > replicationHead {
		return "much: the log"
	}
	return end
}

// hearAnswer says a request and returns what is answered.
func (s *stranger) hearAnswer(port int, frame []byte) string {
	nc, err := s.dial(port)
	if err != nil {
		return "cannot connect"
	}
	defer nc.Close()
	_ = s.send(nc, frame)
	_ = nc.SetReadDeadline(time.Now().Add(2 * time.Second))
	var head [4]byte
	_, err = io.ReadFull(nc, head[:])
	switch {
	case isTimeout(err):
		return "no answer within 2 s"
	case err != nil || binary.BigEndian.Uint32(head[:]) < 8: // no frame is so short
		return "hangs up"
	}
	resp, err := readAnswer(io.MultiReader(bytes.NewReader(head[:]), nc))
	if err != nil {
		return "hangs up"
	}
	return remoting.ResponseName(resp.Code)
}

func shakenHands(s *stranger, port int) string {
	nc, err := s.dial(port)
	if err != nil {
		return "cannot connect"
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(2 * time.Second))
	err = tls.Client(nc, &tls.Config{InsecureSkipVerify: true}).Handshake()
	switch {
	case err == nil:
		return "TLS"
	case isTimeout(err):
		return "no answer within 2 s"
	}
	return "hangs up"
}

// scan finds the open ports and says everything to each. It prints what is heard.
func scan(a args) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	s := &stranger{ctx: ctx, gateway: a.gateway, from: []net.IP{net.ParseIP(strangerIP).To4()}, out: outcome{Answers: map[string]int{}}}
	var mu sync.Mutex
	var open []int
	const workers = 64
	s.crowd(workers, func(w int) {
		for port := 1 + w; port <= 65535; port += workers {
			if nc, err := s.dial(port); err == nil {
				nc.Close()
				mu.Lock()
				open = append(open, port)
				mu.Unlock()
			}
		}
	})
	slices.Sort(open)
	all := make([]heard, len(open))
	for i, port := range open {
		all[i] = heard{port, make([]string, len(sayings()))}
		s.crowd(len(sayings()), func(k int) { all[i].Answers[k] = sayings()[k].do(s, port) })
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// portscan has a stranger scan a fresh install, and writes down what it hears.
func (w *world) portscan(ctx context.Context) (err error) {
	d, err := w.startDaemon(ctx, "fresh", nil, nil, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// By the address of a link, and by one of none: a port may be bound to one.
	var first []heard
	for _, at := range []string{gatewayIP, "198.18.2.1"} {
		argv := append(w.stranger.within(), self, "-strike", scanName, "-gateway", at)
		var errs bytes.Buffer
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("%w: the scan: %w: %s", errUnable, err, bytes.TrimSpace(errs.Bytes()))
		}
		var all []heard
		if err := json.Unmarshal(out, &all); err != nil {
			return err
		}
		if first == nil {
			first = all
		} else if portsOf(all) != portsOf(first) {
			return fmt.Errorf("%w: at %s ports %s are open, at %s %s", errFailed, gatewayIP, portsOf(first), at, portsOf(all))
		}
	}
	local, err := localSockets(d.PID())
	if err != nil {
		return err
	}
	text := scanText(first, local)
	fmt.Print(text)
	if w.write {
		return writeBetween("SECURITY.md", "portscan", text)
	}
	if page, err := os.ReadFile("SECURITY.md"); err == nil && !strings.Contains(string(page), text) {
		return fmt.Errorf("%w: SECURITY.md says otherwise; PAIRMQ_WRITE=1 make portscan writes what is so", errFailed)
	}
	return nil
}

func portsOf(all []heard) string {
	var ports []string
	for _, h := range all {
		ports = append(ports, strconv.Itoa(h.Port))
	}
	return strings.Join(ports, ", ")
}

// scanText is the part of a page that says what was heard.
func scanText(all []heard, local []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Open to a stranger, of all 65,535 TCP ports: %s. What only this machine reaches: %s.\n\n", portsOf(all), strings.Join(local, ", "))
	b.WriteString("| said by a stranger |")
	for _, h := range all {
		fmt.Fprintf(&b, " %d |", h.Port)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(all)) + "\n")
	for i, s := range sayings() {
		fmt.Fprintf(&b, "| %s |", s.what)
		for _, h := range all {
			fmt.Fprintf(&b, " %s |", cell(h.Answers[i]))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// localSockets lists what a process listens on that strangers do not reach: TCP on
// loopback, and all that is UDP or of Unix.
func localSockets(pid int) ([]string, error) {
	inodes, err := socketsOf(pid)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6", "unix"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(b)) {
			if s := localSocket(table, strings.Fields(line), inodes); s != "" {
				all = append(all, s)
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

// localSocket reads a line of the kernel's tables; "" for what is not the process's, or
// does not listen, or listens to everybody.
func localSocket(table string, f []string, inodes map[string]bool) string {
	if table == "unix" {
		const listens = 0x10000
		if len(f) < 8 || !inodes[f[6]] {
			return ""
		}
		if flags, err := strconv.ParseUint(f[3], 16, 32); err != nil || flags&listens == 0 {
			return ""
		}
		return "the Unix socket `" + f[7] + "`"
	}
	const listening, unconnected = "0A", "07"
	if len(f) < 10 || !inodes[f[9]] || f[3] != listening && f[3] != unconnected {
		return ""
	}
	at, ok := kernelAddr(f[1])
	if !ok || f[3] == listening && !at.Addr().IsLoopback() {
		return ""
	}
	return fmt.Sprintf("`%s` (%s)", at, strings.ToUpper(strings.TrimSuffix(table, "6")))
}

// kernelAddr reads an address of /proc/net: words in the machine's order, in hexadecimal.
func kernelAddr(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	p, errPort := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || errPort != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.NativeEndian.Uint32(b[i:]))
	}
	addr, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr, uint16(p)), ok
}

// socketsOf are the inodes of a process's sockets.
func socketsOf(pid int) (map[string]bool, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	inodes := map[string]bool{}
	for _, e := range list {
		to, err := os.Readlink(dir + "/" + e.Name())
		if inode, ok := strings.CutPrefix(to, "socket:["); ok && err == nil {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes, nil
}

// writeBetween replaces what a page has between the two comments of a name.
func writeBetween(file, name, text string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+" begin -->\n", "<!-- "+name+" end -->\n"
	before, rest, begins := strings.Cut(string(page), begin)
	_, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		return fmt.Errorf("%s has no place for %s: the two comments are missing", file, name)
	}
	return os.WriteFile(file, []byte(before+begin+text+end+after), 0o644)
}
