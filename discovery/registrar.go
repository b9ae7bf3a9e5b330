package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"pairmq/internal/lifecycle"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// RegistrarOptions says which broker a Registrar makes known to whom. Zero
// durations mean the stated defaults.
type RegistrarOptions struct {
	Servers []string         // required, as ParseList returns them
	Client  *remoting.Client // required; it closes connections that do not answer

	Cluster      string // required
	BrokerName   string // required; master and slaves share it
	BrokerID     int64  // MasterID, or that of a slave
	BrokerAddr   string // required, "host:port": what clients are told
	HAServerAddr string // "host:port" where slaves connect

	// Topics returns the broker's whole table; required. Its version must
	// change with it.
	Topics func() ([]table.Topic, table.DataVersion)
	// OnMaster, if set, is called on a slave with its master's BrokerAddr and
	// HAServerAddr when they become known, when they change, and with empty
	// ones when no name server that answers knows a master any more. It must
	// neither block nor call the Registrar.
	OnMaster func(masterAddr, haAddr string)

	// Hold, if set, is asked before each registration, and says why that name server is
	// not to be told of this broker now: what it knows already it keeps for as long as it
	// likes. When the answer changes, LinkUp has it asked again. It is called from many goroutines
	// and may block.
	Hold func(server string) error

	Period  time.Duration // between registrations; 0 means 30 s; name servers forget after 120 s
	Timeout time.Duration // of one registration with one name server; 0 means 6 s
	Force   bool          // sends the whole table each time, as RocketMQ does by default (forceRegister)

	Log *slog.Logger // nil discards
}

// A Registrar keeps a broker registered with every name server of a list. Each
// one has a goroutine and a timeout of its own. Use NewRegistrar and Run. Its
// methods are safe for concurrent use.
type Registrar struct {
	opts   RegistrarOptions
	master masterChoice
	work   sync.WaitGroup // one for each target that runs

	mu      sync.Mutex // guards the rest and each target's status and settled
	targets []*target
	ctx     context.Context // Run's, while it is running
	stays   bool            // nothing is unregistered
	wanted  uint64          // generation of the table that is to be registered; Notify begins a new one
	settled chan struct{}
}

// ErrNotRegistered is wrapped where a name server does not have the current
// table.
var ErrNotRegistered = errors.New("discovery: not registered")

// registerNowTime bounds RegisterNow: clients wait for its end.
const registerNowTime = 3 * time.Second

// retryTime is the longest wait before a name server that failed is tried
// again: until then clients that ask it find no route to this broker.
const retryTime = 10 * time.Second

// NewRegistrar returns a Registrar that has not registered yet. It fails if a
// required option is missing or an address is none.
func NewRegistrar(opts RegistrarOptions) (*Registrar, error) {
	if len(opts.Servers) == 0 || opts.Client == nil || opts.Topics == nil || opts.Cluster == "" || opts.BrokerName == "" {
		return nil, errors.New("discovery: RegistrarOptions.Servers, Client, Topics, Cluster and BrokerName are required")
	}
	if _, err := ParseAddr(opts.BrokerAddr); err != nil {
		return nil, fmt.Errorf("broker address: %w", err)
	}
	if _, err := ParseAddr(opts.HAServerAddr); err != nil && opts.HAServerAddr != "" {
		return nil, fmt.Errorf("HA address: %w", err)
	}
	opts.Period = cmp.Or(opts.Period, 30*time.Second)
	opts.Timeout = cmp.Or(opts.Timeout, 6*time.Second)
	opts.Log = cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	r := &Registrar{opts: opts, wanted: 1, settled: make(chan struct{})}
	if opts.BrokerID != MasterID {
		r.master.report = opts.OnMaster
	}
	r.set(opts.Servers)
	return r, nil
}

// SetServers makes servers, as ParseList returns them, the list: the broker is
// registered at once with those that are new, and unregistered where it no
// longer belongs. It does not wait for either.
func (r *Registrar) SetServers(servers []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(servers)
}

// set makes servers the list; r.mu is held, or nobody else has r.
func (r *Registrar) set(servers []string) {
	old := r.targets
	r.targets = nil
	for _, addr := range servers {
		i := slices.IndexFunc(old, func(t *target) bool { return t.addr == addr })
		if i >= 0 {
			r.targets = append(r.targets, old[i])
			continue
		}
		t := &target{
			r: r, addr: addr, log: r.opts.Log.With("namesrv", addr), wake: make(chan struct{}, 1),
			backoff: lifecycle.Backoff{Min: min(time.Second, r.opts.Period), Max: min(retryTime, r.opts.Period)},
			status:  ServerStatus{Addr: addr},
		}
		r.targets = append(r.targets, t)
		r.launch(t)
	}
	for _, t := range old {
		if !slices.Contains(r.targets, t) {
			t.gone = true
			if t.cancel != nil {
				t.cancel()
			}
			r.master.lost(t.addr)
			close(r.settled) // nobody need wait for it
			r.settled = make(chan struct{})
		}
	}
}

// launch begins the work of a target while Run is running; r.mu is held.
func (r *Registrar) launch(t *target) {
	if r.ctx == nil {
		return
	}
	var ctx context.Context
	ctx, t.cancel = context.WithCancel(r.ctx)
	r.work.Go(func() { t.run(ctx) })
}

// Run registers at once, every period, when a connection to a name server has
// ended, and on Notify. When ctx ends it unregisters, within 3 s, and returns
// nil; after Stay it does not unregister. It can be called once.
func (r *Registrar) Run(ctx context.Context) error {
	r.mu.Lock()
	r.ctx = ctx
	for _, t := range r.targets {
		r.launch(t)
	}
	r.mu.Unlock()
	<-ctx.Done()
	r.mu.Lock()
	r.ctx = nil
	r.mu.Unlock()
	r.work.Wait()
	return nil
}

// Stay has Run end without unregistering: another registration follows in place
// of this one, and the broker's entry may be another's already.
func (r *Registrar) Stay() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stays = true
}

// Notify has the table registered at once, because it has changed. It does not
// wait for it.
func (r *Registrar) Notify() { r.begin() }

// LinkUp has the table registered at once, because a link has come up: a
// connection that does not carry that soon is taken for one of before.
func (r *Registrar) LinkUp() {
	r.mu.Lock()
	for _, t := range r.targets {
		t.hurry = true
	}
	r.mu.Unlock()
	r.begin()
}

// begin starts a new generation and wakes all targets.
func (r *Registrar) begin() uint64 {
	r.mu.Lock()
	r.wanted++
	generation, targets := r.wanted, r.targets
	r.mu.Unlock()
	for _, t := range targets {
		select {
		case t.wake <- struct{}{}:
		default: // it is awake already, or about to be
		}
	}
	return generation
}

// RegisterNow has the current table registered and waits until every name
// server that was reachable has it: those whose last registration did not fail,
// or all if there are none of these. It waits for 3 s at most and fails with
// ErrNotRegistered, naming those that do not have it, or with ctx's error.
func (r *Registrar) RegisterNow(ctx context.Context) error {
	r.mu.Lock()
	awaited := r.reachable()
	r.mu.Unlock()
	generation := r.begin()
	limit := time.NewTimer(registerNowTime)
	defer limit.Stop()
	for {
		r.mu.Lock()
		open, err := outcome(awaited, generation)
		settled := r.settled
		r.mu.Unlock()
		if open == 0 {
			return err
		}
		select {
		case <-settled:
		case <-limit.C:
			late := fmt.Errorf("%w with %d name servers after %v", ErrNotRegistered, open, registerNowTime)
			return errors.Join(late, err)
		case <-ctx.Done():
			return fmt.Errorf("discovery: register: %w", ctx.Err())
		}
	}
}

// reachable returns the targets to wait for; r.mu is held.
func (r *Registrar) reachable() []*target {
	var out []*target
	for _, t := range r.targets {
		if t.status.State != Failing {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return r.targets
	}
	return out
}

// outcome returns how many of awaited have not settled the generation yet, and
// the errors of those that have; r.mu is held.
func outcome(awaited []*target, generation uint64) (open int, err error) {
	var errs []error
	for _, t := range awaited {
		switch {
		case t.gone:
		case t.settled < generation:
			open++
		case t.status.Err != nil:
			errs = append(errs, fmt.Errorf("%w with %s: %w", ErrNotRegistered, t.addr, t.status.Err))
		}
	}
	return open, errors.Join(errs...)
}

// Status returns how it stands with each name server, in the order of the list.
func (r *Registrar) Status() []ServerStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]ServerStatus, 0, len(r.targets))
	for _, t := range r.targets {
		out = append(out, t.status)
	}
	return out
}
