package replica

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"pairmq/internal/remoting"
)

// TableVersions say whether what a broker keeps besides its log has changed:
// each grows with every change. Boot is another one each time a broker begins
// to count.
type TableVersions struct{ Boot, Topics, Groups, Offsets int64 }

// WatchersOptions say what slaves watch. Zero durations mean the stated defaults.
type WatchersOptions struct {
	Versions func() TableVersions // required; Boot is not looked at

	// Held says why the slave at an address is not sent all the log it lacks, "" if it
	// is. Changed is called when that becomes something or nothing. nil: every slave is.
	Held func(slave netip.Addr) string

	Hold time.Duration // how long a slave waits for a change; 0 means 15 s
	Gap  time.Duration // between two answers that only consumer offsets have changed; 0 means 1 s
	Max  int           // slaves that wait at a time; 0 means 64
}

// Watchers answers slaves of ours that wait for changes of topics, subscription
// groups and consumer offsets. None of them costs a goroutine while it waits.
//
// Protocol: request code 31004, between two of ours. Fields of the request, and of
// its answer: boot, topics, groups, offsets, the numbers of TableVersions. It is
// answered at once where they differ from those of the request. With a field held,
// "true" or "false" for whether the slave was told last that its log is held back, the
// answer has one with the reason, "" if it is not; it comes at once when it becomes
// true or false. Brokers that know nothing of it leave it out.
type Watchers struct {
	opts WatchersOptions
	boot int64
	kick chan struct{}

	mu   sync.Mutex
	held map[*remoting.Conn]*watcher
	over bool // Run has ended
}

// A watcher is one request that waits.
type watcher struct {
	req   *remoting.Request
	seen  TableVersions
	asks  bool      // it wants to know whether it is held
	held  bool      // it was told so
	began time.Time // when its slave was answered last, at the latest
	until time.Time
}

// NewWatchers returns Watchers for Run.
func NewWatchers(o WatchersOptions) *Watchers {
	o.Hold, o.Gap, o.Max = cmp.Or(o.Hold, 15*time.Second), cmp.Or(o.Gap, time.Second), cmp.Or(o.Max, 64)
	return &Watchers{opts: o, boot: rand.Int64(), kick: make(chan struct{}, 1), held: map[*remoting.Conn]*watcher{}}
}

// Changed says that something has changed. It does not block.
func (w *Watchers) Changed() { poke(w.kick) }

// errTooMany refuses a slave that would wait beside too many others.
var errTooMany = errors.New("replica: too many slaves wait for changes of tables")

// Serve takes a request 31004, which is answered from Run. It fails with
// remoting.ErrField, or where too many wait; then the request is the caller's to
// answer. A connection's second request answers its first.
func (w *Watchers) Serve(req *remoting.Request) error {
	seen, err := parseVersions(req.Fields)
	if err != nil {
		return err
	}
	_, asks := req.Fields.Lookup("held")
	held, err := req.Fields.BoolOr("held", false)
	if err != nil {
		return err
	}
	now := time.Now()
	next := &watcher{req: req, seen: seen, asks: asks, held: held, began: now, until: now.Add(w.opts.Hold)}
	w.mu.Lock()
	old := w.held[req.Conn()]
	switch {
	case w.over:
		w.mu.Unlock()
		return errors.New("replica: the broker is stopping")
	case old == nil && len(w.held) >= w.opts.Max:
		w.mu.Unlock()
		return errTooMany
	}
	w.held[req.Conn()] = next
	w.mu.Unlock()
	if old != nil {
		w.answer(old)
	}
	poke(w.kick)
	return nil
}

// Closed makes room where conn, which has ended, had a request that waits.
func (w *Watchers) Closed(conn *remoting.Conn) {
	w.mu.Lock()
	h := w.held[conn]
	delete(w.held, conn)
	w.mu.Unlock()
	if h != nil {
		w.answer(h) // nothing is sent: every request has its reply
	}
}

// Run answers those who wait until ctx ends, then all of them; it returns nil.
func (w *Watchers) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			w.mu.Lock()
			w.over = true
			w.mu.Unlock()
			for _, h := range w.due(func(*watcher) time.Time { return time.Time{} }, nil) {
				w.answer(h)
			}
			return nil
		case <-w.kick:
		case <-timer.C:
		}
		now, next := w.now(), time.Time{}
		for _, h := range w.due(func(h *watcher) time.Time { return w.when(h, now) }, &next) {
			w.answer(h)
		}
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// when is the time to answer h: past if something it has not seen must be told at once.
func (w *Watchers) when(h *watcher, now TableVersions) time.Time {
	switch {
	case h.asks && h.held != (w.why(h) != ""), h.seen.Boot != now.Boot, h.seen.Topics != now.Topics, h.seen.Groups != now.Groups:
		return time.Time{}
	case h.seen.Offsets != now.Offsets && h.began.Add(w.opts.Gap).Before(h.until):
		return h.began.Add(w.opts.Gap)
	}
	return h.until
}

// due takes those out whose time has come, and says when the next one's does.
func (w *Watchers) due(when func(*watcher) time.Time, next *time.Time) (all []*watcher) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn, h := range w.held {
		at := when(h)
		if !at.After(now) {
			delete(w.held, conn)
			all = append(all, h)
		} else if next != nil && (next.IsZero() || at.Before(*next)) {
			*next = at
		}
	}
	return all
}

func (w *Watchers) answer(h *watcher) {
	f := w.now().fields()
	if h.asks {
		f.Add("held", w.why(h))
	}
	h.req.Reply(&remoting.Response{Code: remoting.RespSuccess, Fields: f})
}

// why says why h's slave is held, "" if it is not.
func (w *Watchers) why(h *watcher) string {
	if w.opts.Held == nil {
		return ""
	}
	return w.opts.Held(h.req.Conn().RemoteAddr().Addr().Unmap())
}

func (w *Watchers) now() TableVersions {
	v := w.opts.Versions()
	v.Boot = w.boot
	return v
}

func (v TableVersions) fields() (f remoting.Fields) {
	f.AddInt("boot", v.Boot)
	f.AddInt("topics", v.Topics)
	f.AddInt("groups", v.Groups)
	f.AddInt("offsets", v.Offsets)
	return f
}

func parseVersions(f remoting.Fields) (v TableVersions, err error) {
	for _, n := range []struct {
		key string
		to  *int64
	}{{"boot", &v.Boot}, {"topics", &v.Topics}, {"groups", &v.Groups}, {"offsets", &v.Offsets}} {
		if *n.to, err = f.Int64(n.key); err != nil {
			return v, err
		}
	}
	return v, nil
}
