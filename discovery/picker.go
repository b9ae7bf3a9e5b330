package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"pairmq/internal/lifecycle"
	"pairmq/internal/remoting"
)

var (
	// ErrNoServer is wrapped where no name server of the list could be used.
	ErrNoServer = errors.New("discovery: no name server answers")
	// ErrBusy is wrapped where others took too long to find a name server.
	ErrBusy = errors.New("discovery: still looking for a name server")
)

// PickerOptions says whom a Picker asks. Zero durations mean the stated
// defaults.
type PickerOptions struct {
	Servers    []string         // required, as ParseList returns them
	Client     *remoting.Client // required; it closes connections that do not answer
	TryTimeout time.Duration    // for one server to be connected, and then to answer; 0 means 3 s
	Wait       time.Duration    // how long a caller waits while another looks for a server; 0 means 3 s
	MinBackoff time.Duration    // after which a failed server is tried again, at first; 0 means 1 s
	MaxBackoff time.Duration    // and at most; 0 means 30 s
	Log        *slog.Logger     // nil discards
}

// A Picker sends look-ups to one name server of a list. It stays with the one
// that works; when that fails it goes on to the next, in the order of the list
// from a random start. A server that failed is left alone for a while. Use
// NewPicker. Its methods are safe for concurrent use.
type Picker struct {
	opts PickerOptions
	turn chan struct{} // holds one value while somebody looks for a server

	mu      sync.Mutex // guards the rest
	servers []candidate
	next    int     // where the next search begins
	current *picked // nil while none is known to work
	last    int     // index of the server that was logged last; -1 before that
}

// NewPicker returns a Picker that has not connected yet.
func NewPicker(opts PickerOptions) (*Picker, error) {
	if len(opts.Servers) == 0 || opts.Client == nil {
		return nil, errors.New("discovery: PickerOptions.Servers and Client are required")
	}
	opts.TryTimeout = cmp.Or(opts.TryTimeout, 3*time.Second)
	opts.Wait = cmp.Or(opts.Wait, 3*time.Second)
	opts.MinBackoff = cmp.Or(opts.MinBackoff, time.Second)
	opts.MaxBackoff = cmp.Or(opts.MaxBackoff, 30*time.Second)
	opts.Log = cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	p := &Picker{opts: opts, turn: make(chan struct{}, 1), next: rand.IntN(len(opts.Servers)), last: -1}
	for _, addr := range opts.Servers {
		b := lifecycle.Backoff{Min: opts.MinBackoff, Max: opts.MaxBackoff}
		p.servers = append(p.servers, candidate{addr: addr, backoff: b})
	}
	return p, nil
}

// Do sends req and returns the answer, whose code it does not look at. Where a
// server fails it asks the next, so req may be served more than once: it is
// for look-ups. It fails with ErrNoServer when none is left to try, with ErrBusy, or with
// the error of ctx.
func (p *Picker) Do(ctx context.Context, req *remoting.Command) (*remoting.Command, error) {
	var failure error
	for range len(p.servers) + 1 { // once more for a connection that had ended unnoticed
		s, err := p.pick(ctx)
		if err != nil {
			return nil, err
		}
		resp, err := p.ask(ctx, s, req)
		if err == nil {
			return resp, nil
		}
		if ctx.Err() != nil {
			p.leave(s) // perhaps the server is slow: let the next caller ask another
			return nil, err
		}
		if errors.Is(err, remoting.ErrBusy) {
			return nil, err // no fault of the server's
		}
		p.failed(s, err)
		failure = err
	}
	return nil, fmt.Errorf("%w: %w", ErrNoServer, failure)
}

func (p *Picker) ask(ctx context.Context, s *picked, req *remoting.Command) (*remoting.Command, error) {
	ctx, cancel := context.WithTimeout(ctx, p.opts.TryTimeout)
	defer cancel()
	resp, err := s.conn.Call(ctx, req)
	if err == nil && !s.answered.Swap(true) {
		p.works(s)
	}
	return resp, err
}

// pick returns the server in use, or finds one.
func (p *Picker) pick(ctx context.Context) (*picked, error) {
	if s := p.inUse(); s != nil {
		return s, nil
	}
	patience := time.NewTimer(p.opts.Wait)
	defer patience.Stop()
	select {
	case p.turn <- struct{}{}:
	case <-patience.C:
		return nil, fmt.Errorf("%w, after %v", ErrBusy, p.opts.Wait)
	case <-ctx.Done():
		return nil, fmt.Errorf("discovery: wait for a name server: %w", ctx.Err())
	}
	defer func() { <-p.turn }()
	if s := p.inUse(); s != nil {
		return s, nil
	}
	return p.search(ctx)
}

// inUse returns the current server while its connection lives.
func (p *Picker) inUse() *picked {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil {
		return nil
	}
	select {
	case <-p.current.conn.Done():
		return nil
	default:
		return p.current
	}
}

// search connects to the first server that lets it. Only one caller at a time
// is in here.
func (p *Picker) search(ctx context.Context) (*picked, error) {
	p.mu.Lock()
	first := p.next
	p.mu.Unlock()
	for i := range p.servers {
		index := (first + i) % len(p.servers)
		if !p.due(index) {
			continue
		}
		try, cancel := context.WithTimeout(ctx, p.opts.TryTimeout)
		conn, err := p.opts.Client.Conn(try, p.servers[index].addr)
		cancel()
		if err == nil {
			return p.use(index, conn), nil
		}
		if ctx.Err() != nil {
			p.skip(index) // perhaps it does not answer: let the next caller try another
			return nil, err
		}
		if errors.Is(err, remoting.ErrBusy) {
			return nil, err
		}
		p.postpone(index, err)
	}
	return nil, p.exhausted()
}
