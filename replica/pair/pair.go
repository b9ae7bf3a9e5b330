package pair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pairmq/internal/warner"
)

// ErrStranger says that a broker of another name asked.
var ErrStranger = errors.New("pair: a broker of another name")

// askTime is how long another half may take to answer.
const askTime = time.Second

// Options say who this broker is and whom it asks.
type Options struct {
	Memory *Memory      // required
	Client Conns        // required: a Circle, so that no stranger is believed
	Self   func() State // required: what this broker says of itself

	// Others returns the addresses under this broker's name that name servers
	// know, its own among them or not. nil means that none is asked.
	Others func(ctx context.Context) []string
	// Superseded is called on a master when another one with a higher epoch number
	// was found, Master on a slave with each master that was. They must not block. nil is allowed.
	Superseded, Master func(State)
	// Slave, if set, is called with the address from which a slave of this name has asked.
	Slave func(netip.Addr)

	Period time.Duration // between looks at the other halves; 0 means 5 s
	Log    *slog.Logger  // nil discards
}

// A Pair looks for the other halves of a pair, and answers them.
type Pair struct {
	opts Options
	log  *slog.Logger
	kick chan struct{}

	outsiders warner.Warner // who name servers say is a half, and may not be

	rounds   sync.Mutex // one at a time
	mu       sync.Mutex
	rival    string // a master of the same number: its address
	outsider Outsider
}

// An Outsider is a broker that answers under this one's name, and may not be the other half.
type Outsider struct {
	Addr string
	When time.Time // it was last found
	Why  error
}

// New returns a Pair for Run.
func New(o Options) (*Pair, error) {
	if o.Memory == nil || o.Client == nil || o.Self == nil {
		return nil, errors.New("pair: Options.Memory, Client and Self are required")
	}
	o.Period = cmp.Or(o.Period, 5*time.Second)
	if o.Others == nil {
		o.Others = func(context.Context) []string { return nil }
	}
	if o.Superseded == nil {
		o.Superseded = func(State) {}
	}
	if o.Master == nil {
		o.Master = func(State) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Pair{opts: o, log: o.Log, kick: make(chan struct{}, 1), outsiders: warner.Warner{To: o.Log, Level: slog.LevelWarn, Every: time.Minute}}, nil
}

// Answer is what the body of a request 31001 from remote is answered with. It
// fails with ErrState or ErrStranger. What a caller claims is believed only
// after it was asked itself: see Run.
func (p *Pair) Answer(body []byte, remote netip.Addr) ([]byte, error) {
	his, err := Decode(body)
	if err != nil {
		return nil, err
	}
	own := p.opts.Self()
	if his.BrokerName != own.BrokerName {
		return nil, fmt.Errorf("%w: %.80q, this one is %q", ErrStranger, his.BrokerName, own.BrokerName)
	}
	if p.opts.Slave != nil && !his.Master() {
		p.opts.Slave(remote)
	}
	if addr, err := netip.ParseAddrPort(his.Addr); err == nil && addr.Addr() == remote.Unmap() && his.Addr != own.Addr {
		if err := p.opts.Memory.NotePeer(his.Addr, ""); err != nil {
			return nil, err
		}
		if his.Master() { // it may have to be believed
			p.Look()
		}
	}
	return own.Encode()
}

// Look has the other halves asked at once. It does not block.
func (p *Pair) Look() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// Rival is the address of a master that has the same epoch number as this one,
// or "". A person has to decide between them.
func (p *Pair) Rival() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rival
}

// Outsider is who was last not asked who is master, nor believed: neither does he give way to
// this broker, nor this one to him. Its When is zero if there was none, or it has become a half since.
func (p *Pair) Outsider() Outsider {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outsider
}

// Run asks the other halves every Period, and after Look, until ctx ends; it
// returns nil. A Round should come first.
func (p *Pair) Run(ctx context.Context) error {
	tick := time.NewTicker(p.opts.Period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-p.kick:
		}
		p.Round(ctx)
	}
}

// Round asks all other halves once, those that are remembered and those that
// name servers know, and tells what it finds. It returns their answers.
func (p *Pair) Round(ctx context.Context) []State {
	p.rounds.Lock()
	defer p.rounds.Unlock()
	own := p.opts.Self()
	addrs := p.opts.Memory.Peers()
	for _, addr := range p.opts.Others(ctx) {
		if !slices.Contains(addrs, addr) && len(addrs) < 2*maxPeers {
			addrs = append(addrs, addr)
		}
	}
	answers := p.ask(ctx, addrs, &own)
	if ctx.Err() != nil {
		return nil
	}
	p.judge(&own, answers)
	return answers
}

// ask asks all addrs at the same time.
func (p *Pair) ask(ctx context.Context, addrs []string, own *State) []State {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	all, errs := make([]State, len(addrs)), make([]error, len(addrs))
	var wg sync.WaitGroup
	for i, addr := range addrs {
		if addr == own.Addr {
			errs[i] = ErrStranger
			continue
		}
		wg.Go(func() { all[i], errs[i] = Ask(ctx, p.opts.Client, addr, own) })
	}
	wg.Wait()
	var answers []State
	p.keepOutsider(addrs, errs)
	for i, s := range all {
		if errors.Is(errs[i], ErrOutsider) {
			p.outsiders.Log("a broker of this name is not asked who is master, nor believed", "broker", addrs[i], "err", errs[i])
		}
		if errs[i] == nil && s.BrokerName == own.BrokerName && s.Addr != own.Addr {
			answers = append(answers, s)
		}
	}
	return answers
}

// keepOutsider notes the first one that errs tell of: halves that were met come before what name servers invent.
func (p *Pair) keepOutsider(addrs []string, errs []error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(addrs, p.outsider.Addr); i >= 0 && (errs[i] == nil || errors.Is(errs[i], ErrPlain)) {
		p.outsider = Outsider{}
	}
	if i := slices.IndexFunc(errs, func(err error) bool { return errors.Is(err, ErrOutsider) }); i >= 0 {
		p.outsider = Outsider{Addr: addrs[i], When: time.Now(), Why: errs[i]}
	}
}

// judge tells what the answers mean for this broker.
func (p *Pair) judge(own *State, answers []State) {
	var best *State // the master of the highest number
	rival := ""
	for i := range answers {
		s := &answers[i]
		switch {
		case !s.Master():
		case own.Master() && s.Epoch().Number == own.Epoch().Number:
			if !p.opts.Memory.Raised() { // else it is about to begin the next
				rival = s.Addr
			}
		case best == nil || s.Epoch().Number > best.Epoch().Number:
			best = s
		}
	}
	p.note(rival, own)
	switch {
	case best == nil:
	case !own.Master():
		p.opts.Master(*best)
	case best.Epoch().Number > own.Epoch().Number:
		p.log.Warn("another broker is master under a higher epoch", "master", best.Addr, "epoch", best.Epoch().String(), "own", own.Epoch().String())
		p.opts.Superseded(*best)
	}
}

// note remembers a rival and says so once.
func (p *Pair) note(rival string, own *State) {
	p.mu.Lock()
	news := rival != p.rival
	p.rival = rival
	p.mu.Unlock()
	if news && rival != "" {
		p.log.Error("two masters have the same brokerName and epoch: make one of them a slave with pairmq demote --force",
			"epoch", own.Epoch().String(), "here", own.Addr, "there", rival)
	}
}
