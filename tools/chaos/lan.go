package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// The addresses of the network. Each broker has a link to the hub, which is this
// program's namespace: it routes between them, and has clients, the name server and a
// relay before the HA port of each broker.
var (
	brokerIP  = [2]netip.Addr{netip.MustParseAddr("198.18.1.2"), netip.MustParseAddr("198.18.2.2")}
	gatewayIP = [2]netip.Addr{netip.MustParseAddr("198.18.1.1"), netip.MustParseAddr("198.18.2.1")}
	relayIP   = [2]netip.Addr{netip.MustParseAddr("198.18.3.1"), netip.MustParseAddr("198.18.3.2")}
	namesrvIP = netip.MustParseAddr("198.18.3.9")
)

// A lan is the network of namespaces that the brokers live in. They last as long as
// the processes that hold them, and those as long as this program.
type lan struct {
	holders [2]*exec.Cmd
	pipes   [2]io.Closer
}

// A way is one direction between two addresses.
type way struct{ from, to netip.Addr }

func newLAN() (*lan, error) {
	l := &lan{}
	steps := []string{"ip link set lo up"}
	for _, ip := range []netip.Addr{relayIP[0], relayIP[1], namesrvIP} {
		steps = append(steps, fmt.Sprintf("ip addr add %s/32 dev lo", ip))
	}
	for i := range l.holders {
		hold := exec.Command("cat")
		pipe, err := hold.StdinPipe()
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		hold.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Setpgid: true}
		if err := hold.Start(); err != nil {
			return nil, errors.Join(fmt.Errorf("a network namespace: %w", err), l.close())
		}
		l.holders[i], l.pipes[i] = hold, pipe
		in := strings.Join(l.within(i), " ")
		steps = append(steps,
			fmt.Sprintf("ip link add broker%d type veth peer name eth0 netns %d", i, hold.Process.Pid),
			fmt.Sprintf("ip addr add %s/24 dev broker%d", gatewayIP[i], i),
			fmt.Sprintf("ip link set broker%d up", i),
			in+" ip link set lo up",
			fmt.Sprintf("%s ip addr add %s/24 dev eth0", in, brokerIP[i]),
			in+" ip link set eth0 up",
			fmt.Sprintf("%s ip route add default via %s", in, gatewayIP[i]))
	}
	for _, s := range steps {
		if err := command("", strings.Fields(s)...); err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		return nil, errors.Join(err, l.close())
	}
	rules := "table inet chaos {\n set cut { type ipv4_addr . ipv4_addr; }\n"
	for _, hook := range []string{"input", "forward", "output"} {
		rules += fmt.Sprintf(" chain at_%s { type filter hook %s priority 0; ip saddr . ip daddr @cut drop; }\n", hook, hook)
	}
	if err := command(rules+"}\n", "nft", "-f", "-"); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// within is how a command is run in the namespace of a broker.
func (l *lan) within(i int) []string {
	return []string{"nsenter", "--target", strconv.Itoa(l.holders[i].Process.Pid), "--net"}
}

// close ends the namespaces of the brokers. The brokers are to have ended.
func (l *lan) close() error {
	var errs []error
	for i, h := range l.holders {
		if h == nil {
			continue
		}
		errs = append(errs, l.pipes[i].Close(), h.Wait())
	}
	return errors.Join(errs...)
}

// between is the way from a broker to the other one: straight to its ports, and
// through the relays in either role.
func between(i int) []way {
	j := 1 - i
	return []way{{brokerIP[i], brokerIP[j]}, {brokerIP[i], relayIP[j]}, {relayIP[i], brokerIP[j]}}
}

// around is both ways between a broker and the clients and the name server.
func around(i int) []way {
	return []way{{brokerIP[i], gatewayIP[i]}, {gatewayIP[i], brokerIP[i]}, {brokerIP[i], namesrvIP}, {namesrvIP, brokerIP[i]}}
}

// cut lets no packet through on these ways until mend.
func (l *lan) cut(ways ...[]way) error {
	var pairs []string
	for _, w := range slices.Concat(ways...) {
		pairs = append(pairs, w.from.String()+" . "+w.to.String())
	}
	return command("add element inet chaos cut { "+strings.Join(pairs, ", ")+" }\n", "nft", "-f", "-")
}

// mend lets all packets through.
func (l *lan) mend() error { return command("flush set inet chaos cut\n", "nft", "-f", "-") }

// command runs one, and fails with what it printed.
func command(stdin string, argv ...string) error {
	c := exec.Command(argv[0], argv[1:]...)
	c.Stdin = strings.NewReader(stdin)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
