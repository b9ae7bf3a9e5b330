package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"pairmq/internal/remoting"
)

// Conns has connections to brokers, for clients: a *remoting.Client, or a circle of them that
// knows who is at the other end.
type Conns interface {
	Conn(ctx context.Context, addr string) (*remoting.Conn, error)
}

// CopierOptions say whose metadata a slave copies and where to.
type CopierOptions struct {
	Metadata Metadata      // required
	Client   Conns         // required; connections that do not answer are closed
	Master   func() string // required; host:port of the master's listenPort; empty while it is not known

	// SameLog says whether this slave's log was found to be a copy of that
	// master's. While it was not, nothing is removed here: with a topic go its
	// queues, and a master that lost its disk must not take the slave's with
	// it. nil means that it always was.
	SameLog func() bool
	// Changed, if set, is called when topics have changed. It must not block.
	Changed func()

	Period     time.Duration // between rounds; 0 means 10 s
	Timeout    time.Duration // of one request, connecting included; 0 means 3 s
	MaxTopics  int           // an answer with more is refused; 0 means 10,000
	MaxGroups  int           // an answer with more is refused; 0 means 10,000
	MaxOffsets int           // an answer with more consumer offsets is refused; 0 means 100,000
	Log        *slog.Logger  // nil discards
}

// A Copier copies what a master keeps besides its log: topics, subscription
// groups, consumer offsets, how far delayed messages and transactions are, and which groups
// pop. Topics, groups and who pops become the master's. Of a consumer offset the later one counts, wherever it
// was committed: a master that returns with older ones takes nothing back, except
// that one of ours tells which were reset there. Between two of ours changes are
// copied as they happen: see Watchers.
//
// Protocol: RocketMQ 4.9.7 and 5.4.0, request codes 21, 43, 45, 201 and, of 5.4.0, 402
// (SlaveSynchronize), without the fields by which 5.4.0 asks for pages: both
// versions then answer with all there is. Use NewCopier and Run.
type Copier struct {
	opts  CopierOptions
	log   *slog.Logger
	kick  chan struct{}   // a round at once
	asked chan chan error // rounds that somebody waits for
	steps []*copyStep     // Run's own
	ours  string          // master that was found to be one of ours; Run's own
	plain string          // master that was found to be none; Run's own
	held  note            // why the master holds this slave, as it says
	redo  bool            // consumer offsets were forgotten that the master may have anew; Run's own
	delay delayOffsets    // of an answer to 45, to be noted once their log is here; Run's own

	delayed string // master that delay is of; Run's own
}

// NewCopier returns a Copier for Run.
func NewCopier(o CopierOptions) (*Copier, error) {
	if o.Metadata == nil || o.Client == nil || o.Master == nil {
		return nil, errors.New("replica: CopierOptions.Metadata, Client and Master are required")
	}
	if o.SameLog == nil {
		o.SameLog = func() bool { return true }
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Period, o.Timeout = cmp.Or(o.Period, 10*time.Second), cmp.Or(o.Timeout, 3*time.Second)
	o.MaxTopics, o.MaxGroups = cmp.Or(o.MaxTopics, 10_000), cmp.Or(o.MaxGroups, 10_000)
	o.MaxOffsets = cmp.Or(o.MaxOffsets, 100_000)
	c := &Copier{opts: o, log: o.Log, kick: make(chan struct{}, 1), asked: make(chan chan error)}
	c.steps = []*copyStep{ // in the order of RocketMQ's slaves
		{what: "topics", code: remoting.ReqGetAllTopicConfig, fast: true, apply: c.copyTopics,
			fields: remoting.Fields{{Key: "deleted", Value: "true"}}, version: func(v TableVersions) int64 { return v.Topics }},
		{what: "consumer offsets", code: remoting.ReqGetAllConsumerOffset, apply: c.copyOffsets,
			fields: remoting.Fields{{Key: "resets", Value: "true"}}, version: func(v TableVersions) int64 { return v.Offsets }},
		{what: "delay offsets", code: remoting.ReqGetAllDelayOffset, apply: c.copyDelayOffsets},
		{what: "subscription groups", code: remoting.ReqGetAllSubscriptiongroupConfig, apply: c.copyGroups, version: func(v TableVersions) int64 { return v.Groups }},
		{what: "request modes", code: remoting.ReqGetAllMessageRequestMode, newer: true, apply: c.copyModes, version: func(v TableVersions) int64 { return v.Groups }},
	}
	return c, nil
}

// Now begins a round at once: the master has become known, or is another one.
// It does not block.
func (c *Copier) Now() { poke(c.kick) }

// Run copies at once, every Period, and when Now is called, until ctx ends; it
// returns nil. A master of ours is asked to tell of changes, which are copied at
// once, and everything only now and then. Of the requests of a round each may fail
// alone. What fails is logged when it begins to, and when it works again.
func (c *Copier) Run(ctx context.Context) error {
	tick := time.NewTicker(c.opts.Period)
	defer tick.Stop()
	var waits chan error
	var w watch
	for whole := true; ; {
		if whole {
			err := c.round(ctx)
			if waits != nil {
				waits <- err
			}
			waits = nil
			if err == nil {
				w.full = time.Now()
				c.watchMaster(ctx, &w)
			} else {
				w.plain = false // another program may answer there next time
				c.askAnew()
			}
		}
		whole = true
		select {
		case <-ctx.Done():
			return nil
		case a := <-w.answer:
			if whole = false; c.told(ctx, &w, a) {
				c.watchMaster(ctx, &w)
			}
		case <-tick.C:
			whole = !c.calm(&w)
		case <-c.kick:
			w.plain = false
			c.askAnew()
			tick.Reset(c.opts.Period)
		case waits = <-c.asked:
			tick.Reset(c.opts.Period)
		}
	}
}

// Latest has a round done that begins now, and returns when it is over: what the
// master had when Latest was called is here then. It fails if the master is not known,
// or a request fails. Run must be running.
func (c *Copier) Latest(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case c.asked <- done:
	case <-ctx.Done():
		return fmt.Errorf("replica: copy the latest from the master: %w", ctx.Err())
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("replica: copy the latest from the master: %w", ctx.Err())
	}
}

// round asks the master for everything, and returns what failed of that.
func (c *Copier) round(ctx context.Context) error {
	master := c.opts.Master()
	if master == "" {
		return errors.New("replica: the master is not known")
	}
	return c.do(ctx, master, c.steps)
}

// do does some of the steps.
func (c *Copier) do(ctx context.Context, master string, steps []*copyStep) error {
	if master != c.delayed { // its log is not what was waited for
		c.delay, c.delayed = delayOffsets{}, master
	}
	var failed []error
	for i := 0; i < len(steps); i++ {
		s := steps[i]
		if s.code == remoting.ReqGetAllConsumerOffset {
			c.redo = false
		}
		err := c.copy(ctx, master, s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("replica: copy %s from %s: %w", s.what, master, err))
		}
		log := c.log.With("what", s.what, "master", master)
		switch {
		case err != nil && !s.failing:
			log.Warn("copying from the master failed", "err", err, "retryIn", c.opts.Period)
		case err == nil && s.failing:
			log.Info("copying from the master works again")
		}
		s.failing = err != nil
		if i == len(steps)-1 && c.redo {
			again := slices.IndexFunc(c.steps, func(s *copyStep) bool { return s.code == remoting.ReqGetAllConsumerOffset })
			steps = append(slices.Clip(steps), c.steps[again])
		}
	}
	return errors.Join(failed...)
}
