package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
)

// TestApacheSlaveByAddress has a slave of Apache's come from an address that is not this host's loopback, to a
// master that names it in haPeers and to one that does not: the latter gives it nothing, and counts it for nothing.
// 5.4.0 never connects with haMasterAddress, by which the slave is led through a relay here.
func TestApacheSlaveByAddress(t *testing.T) {
	t.Parallel() // it waits more than it works
	from := ownAddress(t)
	subject, err := pair.NewMaker(t.Context(), target.Pairmq)
	if err != nil {
		t.Fatal(err)
	}
	apache, err := pair.NewMaker(t.Context(), "apache-"+peers.V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, allowed := range []bool{true, false} {
		t.Run(fmt.Sprintf("allowed=%t", allowed), func(t *testing.T) {
			dir := workDir(t)
			p := &pairing{}
			if p.namesrv, err = subject.Namesrv(dir); err != nil {
				t.Fatal(err)
			}
			if p.master, err = subject.Master(dir, pair.SyncMaster, p.namesrv.Addr); err != nil {
				t.Fatal(err)
			}
			if p.slave, err = apache.Slave(dir, 1, p.namesrv.Addr); err != nil {
				t.Fatal(err)
			}
			if allowed {
				p.master.Set("haPeers", "192.0.2.1;"+from)
			}
			host, port, err := net.SplitHostPort(p.master.Addr)
			if err != nil {
				t.Fatal(err)
			}
			n, err := strconv.Atoi(port)
			if err != nil {
				t.Fatal(err)
			}
			p.slave.Set("haMasterAddress", relayFrom(t, from, net.JoinHostPort(host, strconv.Itoa(n+1))))
			for _, s := range []*pair.Server{p.namesrv, p.master, p.slave} {
				t.Cleanup(func() { p.end(t, s) })
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				if s != p.namesrv {
					p.registered(t, s)
				}
			}
			p.world = &world{target: &target.Target{Namesrv: p.namesrv.Addr}, dir: dir}
			p.reconnect(t)
			t.Cleanup(func() { p.conn.Close() })
			p.topic(t, pairTopic, pairQueues)
			ctx := within(t, slaveTime)
			if allowed {
				eventually(ctx, t, "the slave is waited for", func() error {
					if code := p.probe(t); code != 0 {
						return fmt.Errorf("a send is answered %d", code)
					}
					return nil
				})
				p.follows(ctx, t, p.slave)
				return
			}
			eventually(ctx, t, "the master says whom it refused", func() error {
				info, err := runtimeInfo(ctx, p.master.Addr)
				if err == nil && !strings.HasPrefix(info["haRefused"], from+" ") {
					err = fmt.Errorf("it says %q", info["haRefused"])
				}
				return err
			})
			if code := p.probe(t); code != 11 {
				t.Errorf("a send is answered %d, want 11, SLAVE_NOT_AVAILABLE", code)
			}
			var end int64
			eventually(ctx, t, "the slave tells of its log", func() (err error) { // 4.9.7 cannot in its first second
				end, _, err = logEnd(ctx, p.slave)
				return err
			})
			if end != 0 {
				t.Errorf("the slave has %d bytes", end)
			}
		})
	}
}

// TestASecretBehindApache: a slave that has one asks a master of Apache's on this host for it, in vain, and follows it all
// the same.
func TestASecretBehindApache(t *testing.T) {
	t.Parallel() // it waits more than it works
	subject, err := pair.NewMaker(t.Context(), target.Pairmq)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{peers.V4, peers.V5} {
		t.Run(version, func(t *testing.T) {
			apache, err := pair.NewMaker(t.Context(), "apache-"+version)
			if err != nil {
				t.Fatal(err)
			}
			dir := workDir(t)
			secret := filepath.Join(dir, "ha.secret")
			if err := os.WriteFile(secret, []byte("0123456789abcdef"), 0o600); err != nil {
				t.Fatal(err)
			}
			p := &pairing{}
			if p.namesrv, err = subject.Namesrv(dir); err != nil {
				t.Fatal(err)
			}
			if p.master, err = apache.Master(dir, pair.AsyncMaster, p.namesrv.Addr); err != nil {
				t.Fatal(err)
			}
			if p.slave, err = subject.Slave(dir, 1, p.namesrv.Addr); err != nil {
				t.Fatal(err)
			}
			p.slave.Set("haSecretFile", secret)
			p.slave.Set("haPeers", "127.0.0.1") // with a secret this host has to be named too
			for _, s := range []*pair.Server{p.namesrv, p.master, p.slave} {
				t.Cleanup(func() { p.end(t, s) })
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				if s != p.namesrv {
					p.registered(t, s)
				}
			}
			p.world = &world{target: &target.Target{Namesrv: p.namesrv.Addr}, dir: dir}
			p.reconnect(t)
			t.Cleanup(func() { p.conn.Close() })
			p.topic(t, pairTopic, pairQueues)
			p.probe(t)
			ctx := within(t, slaveTime)
			if end := p.follows(ctx, t, p.slave); end == 0 {
				t.Error("the log is empty")
			}
			if said := p.slave.Log(math.MaxInt); !strings.Contains(said, "taken all the same") {
				t.Errorf("the slave does not say that its master proves nothing:\n%s", said)
			}
			p.probe(t)
			p.follows(ctx, t, p.slave)
		})
	}
}

// slaveTime is how long a slave of Apache's may take to join on a machine that is busy.
const slaveTime = 3 * metadataTime

// ownAddress is an address of this machine that others know it by.
func ownAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	t.Fatal("this machine has no address but loopback: ip address add 192.0.2.2/32 dev lo")
	return ""
}

// relayFrom leads connections to addr, which sees them come from an address of this machine.
func relayFrom(t *testing.T, from, addr string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); ln.Close(); running.Wait() })
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	running.Go(func() {
		for {
			in, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			running.Go(func() {
				defer in.Close()
				out, err := dialer.DialContext(ctx, "tcp", addr)
				if err != nil {
					return // the slave connects again
				}
				defer out.Close()
				stop := context.AfterFunc(ctx, func() { in.Close(); out.Close() })
				defer stop()
				running.Go(func() { defer in.Close(); _, _ = io.Copy(in, out) })
				_, _ = io.Copy(out, in)
			})
		}
	})
	return ln.Addr().String()
}
