package discovery

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"pairmq/internal/lifecycle"
	"pairmq/internal/remoting"
)

// A candidate is one server of the list.
type candidate struct {
	addr    string
	backoff lifecycle.Backoff
	after   time.Time // not tried before
	err     error     // of its last failure, nil once it has answered
}

// picked is a connection to a server in use.
type picked struct {
	index    int
	conn     *remoting.Conn
	answered atomic.Bool
}

// due says whether a server may be tried now.
func (p *Picker) due(index int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !time.Now().Before(p.servers[index].after)
}

func (p *Picker) use(index int, conn *remoting.Conn) *picked {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next, p.current = index, &picked{index: index, conn: conn}
	return p.current
}

// works notes that s gave its first answer.
func (p *Picker) works(s *picked) {
	p.mu.Lock()
	c := &p.servers[s.index]
	news := c.err != nil || p.last != s.index
	c.backoff.Reset()
	c.err, p.last = nil, s.index
	p.mu.Unlock()
	if news {
		p.opts.Log.Info("name server in use", "namesrv", c.addr)
	}
}

// failed turns away from s, on which a look-up failed with err. A server that
// does not answer is left alone for a while; one that merely closed a
// connection it had answered on, as on its restart, is not.
func (p *Picker) failed(s *picked, err error) {
	if !p.leave(s) {
		return // another caller met the same failure before
	}
	if !errors.Is(err, remoting.ErrClosed) || !s.answered.Load() {
		p.postpone(s.index, err)
	}
	_ = s.conn.Close() // no answer will be waited for on it
}

// leave makes the next search begin behind s. It returns false if s is no
// longer in use.
func (p *Picker) leave(s *picked) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != s {
		return false
	}
	p.current, p.next = nil, (s.index+1)%len(p.servers)
	return true
}

// skip makes the next search begin behind a server.
func (p *Picker) skip(index int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = (index + 1) % len(p.servers)
}

// postpone leaves a server alone for its back-off.
func (p *Picker) postpone(index int, err error) {
	p.mu.Lock()
	c := &p.servers[index]
	wait := c.backoff.Next()
	first := c.err == nil
	c.after, c.err = time.Now().Add(wait), err
	p.mu.Unlock()
	if first {
		p.opts.Log.Warn("name server failed", "namesrv", c.addr, "err", err, "retryIn", wait)
	}
}

// exhausted says why no server is left to try.
func (p *Picker) exhausted() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := make([]error, 0, len(p.servers))
	for i := range p.servers {
		if err := p.servers[i].err; err != nil {
			errs = append(errs, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrNoServer, errors.Join(errs...))
}
