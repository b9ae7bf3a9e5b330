package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"pairmq/daemon/config"
	"pairmq/internal/remoting"
	"pairmq/replica"
	"pairmq/replica/pair"
	"pairmq/replica/proof"
)

// errSecretFile is wrapped where the secret of a pair cannot be used. It comes and goes without the
// configuration, as certificates do.
var errSecretFile = errors.New("haSecretFile")

// secretCredential is the name under which systemd passes the secret.
const secretCredential = "haSecret"

// byteOrderMark is what some editors begin a file with: it is not seen, and not in the other's file.
const byteOrderMark = "\ufeff"

// peers are the hosts that may be the other half of the pair, and what others that may be are to
// prove. A nil one has this host alone.
type peers struct {
	listed atomic.Pointer[config.Hosts] // haPeers; for requests on the connections that there are, too
	fixed  config.Hosts                 // hosts of haMasterAddress and haSlaveAddress, without a key
	named  *hostNames                   // those of them that are names
	chosen string                       // haMasterAddress
	key    *proof.Key                   // nil: nobody can prove anything
	seal   *proof.Seal
	tls    bool // wanted: nobody is followed on the replication port without
}

func newPeers(cfg *config.Config, log *slog.Logger) (*peers, error) {
	p := &peers{chosen: cfg.HAMasterAddress, named: newHostNames(net.DefaultResolver.LookupNetIP)}
	p.listed.Store(&cfg.HAPeers)
	if err := p.readSecret(cfg, log); err != nil {
		return nil, fmt.Errorf("%w: %w", errSecretFile, err)
	}
	if p.key == nil { // else the two addresses only say where the other half is
		p.addHost(cfg.HAMasterAddress)
		p.addHost(cfg.HASlaveAddress)
	}
	alone, half := len(*p.listed.Load())+len(p.fixed) == 0 && p.named.none(), cfg.Slave() || cfg.WaitsForSlaves()
	if p.key == nil && (cfg.TLSEnable || cfg.TLSMode == config.TLSEnforcing) && (half || !alone) {
		log.Warn("the other half gets the log in plain text, whatever tlsEnable and tlsServerMode say: TLS on the replication port takes a haSecretFile that both have (pairmq cert secret makes one)")
	}
	if p.key == nil && alone && half {
		log.Warn("no other host may be the other half of this pair: give both the same haSecretFile (pairmq cert secret makes one), or name its address in haPeers", "brokerRole", cfg.BrokerRole)
	}
	return p, nil
}

// addHost has the host of a host:port be the other half; addr may be empty.
func (p *peers) addHost(addr string) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil { // none
		return
	}
	if a, err := netip.ParseAddr(host); err == nil {
		zone := a.Zone() // another link has another host there
		a = a.Unmap().WithZone("")
		p.fixed = append(p.fixed, config.Host{Net: netip.PrefixFrom(a, a.BitLen()), Link: zone})
	} else if host != "" {
		p.named.add(host)
	}
}

// readSecret reads the secret from haSecretFile, or from what systemd has passed, if there is any.
func (p *peers) readSecret(cfg *config.Config, log *slog.Logger) error {
	path := cfg.HASecretFile
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); path == "" && dir != "" {
		path = filepath.Join(dir, secretCredential)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() > proof.MostSecret:
		return fmt.Errorf("%s: want a file of at most %d bytes, it has %d", path, proof.MostSecret, info.Size())
	case info.Mode().Perm()&0o007 != 0:
		log.Warn("everybody on this machine may read the secret of the pair: chmod 0600", "haSecretFile", path, "mode", info.Mode().Perm().String())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if p.key, err = proof.NewKey([]byte(strings.TrimSpace(strings.TrimPrefix(string(b), byteOrderMark)))); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if p.seal, err = proof.NewSeal(); err != nil {
		return err
	}
	p.tls = cfg.TLSEnable || cfg.TLSMode == config.TLSEnforcing
	return nil
}

// Peer says whether a host may be the other half without a proof. It does not block. This host is, by
// loopback, where there is no secret: with one it has to be listed, or any user of the machine would be the
// other half. By its other addresses it is not among them: see plain.
func (p *peers) Peer(addr netip.Addr) bool {
	addr = addr.Unmap()
	if addr.IsLoopback() && p.secret() == nil {
		return true
	}
	return p != nil && (p.listed.Load().Has(addr) || p.fixed.Has(addr) || p.named.have(addr))
}

// plain says whether who is at the other end of a connection may be the other half without a proof.
func (p *peers) plain(local, remote netip.Addr) bool {
	return remote.IsValid() && local == remote && p.secret() == nil || p.Peer(remote)
}

// secret is nil where nobody proves anything.
func (p *peers) secret() *proof.Key {
	if p == nil {
		return nil
	}
	return p.key
}

// trust is whom t's replication speaks to.
func (p *peers) trust(t *tenure) replica.Trust {
	r := replica.Trust{Plain: p.plain, Key: p.secret(), Claim: t.claim, Met: t.hasMet}
	if p != nil {
		r.Seal, r.TLS = p.seal, p.tls
		r.Chosen = func(addr string) bool { return p.chosen != "" && addr == p.chosen }
	}
	return r
}

// claim is what this broker says of itself to who makes sure of it.
func (t *tenure) claim() proof.Claim {
	return proof.Claim{Slave: t.cfg.Slave(), Epoch: t.memory.Epochs().Last().Number, Name: proof.NameOf(t.cfg.BrokerName)}
}

// hasMet says whether a half that this broker remembers is at an address.
func (t *tenure) hasMet(addr netip.Addr) bool {
	return slices.ContainsFunc(t.memory.Peers(), func(peer string) bool {
		at, err := netip.ParseAddrPort(peer)
		return err == nil && at.Addr().Unmap() == addr
	})
}

// meetPeers makes what asks other halves on their ports for clients, and knows those that ask here.
func (t *tenure) meetPeers() {
	p := t.platform.peers
	t.circle = pair.NewCircle(pair.CircleOptions{Conns: t.client, Plain: p.plain, Key: p.secret(), Claim: t.claim})
	t.members = pair.NewMembers(p.secret(), t.claim, t.dialled)
}

// peersChanged has connections end that rest on an address which is in haPeers no more, and who was refused
// looked for at once.
func (t *tenure) peersChanged() {
	t.pair.master.PeersChanged()
	if t.pair.slave != nil {
		t.pair.slave.PeersChanged()
	}
	t.halves.Look()
}

// dialled are the addresses by which another half may have come here: where the connection was taken, and
// what is registered, which a router may lead here; RocketMQ's slaves call two ports below that.
func (t *tenure) dialled(conn *remoting.Conn) []netip.AddrPort {
	return []netip.AddrPort{conn.LocalAddr(), t.host, netip.AddrPortFrom(t.host.Addr(), t.host.Port()-2)}
}

// isHalf says whether a client may ask what other halves ask: it has proven that it has the secret, or
// its address is configured.
func (t *tenure) isHalf(conn *remoting.Conn) bool {
	return t.members.Has(conn) || t.platform.peers.plain(conn.LocalAddr().Addr(), conn.RemoteAddr().Addr())
}

// lookup is a net.Resolver's.
type lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
