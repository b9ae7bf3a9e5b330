package replica

import (
	"errors"
	"fmt"
	"net"
	"time"

	"pairmq/replica/epoch"
)

// unprovenTime is how long a master that may be followed without a proof, and gave none, is not
// asked for one.
const unprovenTime = 10 * time.Minute

// hurryTime is how long a master that fetches, whose clients wait, asks a slave for a proof that need not give one.
const hurryTime = 2 * time.Second

// An unproven is a master that knows nothing of proofs; Slave.follow's own.
type unproven struct {
	addr  string
	since time.Time
}

// introduce makes sure of the master at the other end of nc, and returns the connection to go on with.
func (s *Slave) introduce(nc net.Conn, addr string, theirs epoch.History) (net.Conn, error) {
	t := &s.opts.Trust
	plain := t.takes(nc, addr)
	switch {
	case plain && (t.Key == nil || !t.TLS && s.unproven.addr == addr && time.Since(s.unproven.since) < unprovenTime):
		return nc, nil
	case t.Key == nil:
		return nil, fmt.Errorf("%w: the master %s: name its address in haPeers, or give both halves the same haSecretFile", errStranger, addr)
	}
	most := proofTime
	if s.keeps && plain {
		most = hurryTime
	}
	out, his, err := t.dial(nc, most)
	switch {
	case errors.Is(err, errNoProof) && plain && t.TLS: // or whoever stands between has it all, by leaving out a message
		return nil, fmt.Errorf("%w; TLS is wanted here, and there is none without a proof (%s)", err, addr)
	case errors.Is(err, errNoProof) && plain:
		s.unproven = unproven{addr, time.Now()}
		s.notes.Warn("a broker in haPeers does not prove that it has the secret: what it sends is taken all the same", "broker", addr, "err", err)
		s.Retry()
		return nil, err
	case errors.Is(err, errNoProof):
		return nil, fmt.Errorf("%w; give it the same haSecretFile, or name its address in haPeers (%s)", err, addr)
	case err != nil:
		return nil, err
	case theirs != nil && his.Epoch != theirs.Last().Number:
		return nil, fmt.Errorf("%w: on the replication port the master is under epoch %d, on the port for clients under %d", errStranger, his.Epoch, theirs.Last().Number)
	case !s.keeps && !his.Slave && his.Epoch < t.Claim().Epoch:
		return nil, fmt.Errorf("%w: the master is under epoch %d, this slave has copied %d", errStranger, his.Epoch, t.Claim().Epoch)
	}
	return out, nil
}
