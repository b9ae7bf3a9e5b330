package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"time"

	"pairmq/tools/lab/promise"
)

// cables returns what qemu is told of the two ends of a cable: datagrams on
// loopback, of which one end may be away.
func cables() (ends [2]string, err error) {
	var ports [2]int
	for n := range ports {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return ends, err
		}
		defer c.Close() // when both are found, so that they differ
		ports[n] = c.LocalAddr().(*net.UDPAddr).Port
	}
	for n := range ends {
		ends[n] = fmt.Sprintf("socket,id=cable,udp=127.0.0.1:%d,localaddr=127.0.0.1:%d", ports[1-n], ports[n])
	}
	return ends, nil
}

// untilOK sends messages until one is answered OK: with SYNC_MASTER that is when
// the other half has it.
func (l *load) untilOK(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, systemBootTime)
	defer cancel()
	last := ""
	for ctx.Err() == nil {
		p := &producer{load: l, number: producers, client: newClient(addr), rng: rand.New(rand.NewPCG(1, 1))}
		last = p.send(l.ids.Add(1)).Status
		p.client.Close()
		if last == promise.OK {
			return nil
		}
		pause(ctx, 500*time.Millisecond)
	}
	return fmt.Errorf("the pair takes no message: the last one was %s", last)
}

// judgeUntil judges the broker of s until it keeps every promise: a slave may have
// some of the log on its way.
func (s *system) judgeUntil(ctx context.Context, l *load) (sum promise.Summary, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		r, err := l.read(ctx, s.broker)
		var found []promise.Violation
		if err == nil {
			sum, found = l.ledger.Judge(r, l.ledger.Len())
		}
		if err = errors.Join(err, violated(found)); err == nil {
			return sum, nil
		}
		if pause(ctx, time.Second); ctx.Err() != nil {
			return sum, err
		}
	}
}

// pairOf makes a pair of two machines on a cable, cuts the power of its master,
// makes its slave the master, and has the old one come back.
func (l *lab) pairOf(ctx context.Context, t *trial, d debian) error {
	ends, err := cables()
	if err != nil {
		return err
	}
	var half [2]*installed
	for n := range half {
		dir := filepath.Join(t.dir, fmt.Sprint(n+1))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if half[n], err = l.newHalf(ctx, t, d, dir, n+1, ends[n]); err != nil {
			return err
		}
		defer half[n].close()
	}
	a, b := half[0], half[1]
	clients := a.clients
	if err := clients.makeTopics(ctx, a.broker, 0); err != nil {
		return err
	}
	if err := clients.untilOK(ctx, a.broker); err != nil {
		return err
	}
	t.say("two machines are a pair: a message was answered OK that both have")
	if err := a.cutUnderLoad(ctx, 3*time.Second); err != nil {
		return err
	}
	sum, err := b.judgeUntil(ctx, clients)
	if err != nil {
		return fmt.Errorf("what the slave gives out, its master having lost power: %w", err)
	}
	t.say("the master lost power; its slave gives out all: %d promised, %d kept, %d unasked", sum.Promised, sum.Kept, sum.Unasked)
	began := time.Now()
	if _, err := b.agent.run(systemBootTime, `for n in $(seq 60); do pairmq promote --broker 127.0.0.1:10911 && exit 0; sleep 2; done; exit 1`); err != nil {
		return err
	}
	t.say("the slave was promoted %.1fs after it was asked first", time.Since(began).Seconds())
	if err := errors.Join(a.boot(ctx), a.serve(ctx), b.serve(ctx)); err != nil {
		return err
	}
	if _, err := a.agent.run(systemBootTime, `until pairmq status --broker 127.0.0.1:10911 | grep -qw slave; do sleep 1; done`); err != nil {
		return fmt.Errorf("the old master does not become a slave: %w", err)
	}
	if err := clients.untilOK(ctx, b.broker); err != nil {
		return err
	}
	working, stop := context.WithTimeout(ctx, 3*time.Second)
	clients.start(working, b.broker, b.rng)()
	stop()
	for _, h := range []struct {
		*installed
		role string
	}{{b, "new master"}, {a, "old master, a slave now"}} {
		sum, err := h.judgeUntil(ctx, clients)
		if err != nil {
			return fmt.Errorf("the %s: %w", h.role, err)
		}
		t.tally = fmt.Sprintf("%d promised, %d kept", sum.Promised, sum.Kept)
		t.say("the %s: %s, %d unasked", h.role, t.tally, sum.Unasked)
	}
	return errors.Join(b.off(), a.off(), clients.err())
}

// newHalf boots one machine of a pair and installs the package: the first is the master.
func (l *lab) newHalf(ctx context.Context, t *trial, d debian, dir string, number int, cable string) (*installed, error) {
	deb, err := onePackage(l.debs, d.name)
	if err != nil {
		return nil, err
	}
	s, err := newSystem(ctx, d, dir, "ext4", volatile, map[string]string{"pairmq.deb": deb})
	if err != nil {
		return nil, err
	}
	s.number, s.cable = number, cable
	i := &installed{system: s, kind: "ext4", rng: rand.New(rand.NewPCG(t.seed, uint64(7+number)))}
	if i.clients, err = newLoad(dir); err != nil {
		return nil, err
	}
	role := []string{"brokerRole=SYNC_MASTER"}
	if number == 2 {
		role = []string{"brokerRole=SLAVE", "brokerId=1"}
	}
	err = i.install(ctx, append(role, "brokerName=plant", "brokerIP1="+s.address(), "namesrvAddr=10.9.0.1:9876;10.9.0.2:9876", "haPeers=10.9.0.1;10.9.0.2",
		"mappedFileSizeCommitLog=1m", "maxMessageSize=65536", labAdmins))
	if err != nil {
		i.close()
		return nil, fmt.Errorf("machine %d: %w", number, err)
	}
	return i, nil
}
