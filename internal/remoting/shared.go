package remoting

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"pairmq/internal/meter"
	"pairmq/internal/spare"
	"pairmq/internal/warner"
)

// shared is what the connections of one Server or Client have in common.
type shared struct {
	limits   Limits // defaults filled in
	handler  Handler
	door     *door                                // a Server's; nil: connections begin with a frame
	onClose  func(*Conn)                          // may be nil
	tooLarge func(code int32, body int) *Response // may be nil; a Server's
	sign     func(*Command)                       // may be nil; a Client's
	answers  *meter.Pairs                         // may be nil
	log      *slog.Logger
	drops    *warner.Warner
	panics   *warner.Warner
	busy     *warner.Warner // clients that send too many requests
	budget   *budget
	small    budget // the part of it that small frames have
	large    budget // that of large ones
	giants   budget // their turn
	buffers  bufferPool
	batches  batchPool
	parsers  parserPool
	wg       sync.WaitGroup // connections
	born     time.Time

	taken, refused, dropped atomic.Int64 // connections
	paused                  atomic.Int64 // requests beyond Limits.Rate
	replies                 atomic.Int64 // bytes of all sources' rooms
	arriving                atomic.Int64 // bytes of all sources' frames
	patience                atomic.Int64 // ns that a connection that drains waits for its peer to read; 0: as long as any
	every                   int64        // ns that a request takes of its source's pace; 0: requests are not counted
	turns                   turnstile
	passing                 pace // what nobody wants

	mu      sync.Mutex // guards the rest
	conns   map[*Conn]struct{}
	sources map[netip.Addr]*source // by SourceOf; those of this machine are not counted
	swept   time.Duration          // since born
	closed  bool
}

func newShared(lim Limits, h Handler, onClose func(*Conn), answers *meter.Pairs, log *slog.Logger) *shared {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if h == nil {
		h = HandlerFunc(notSupported)
	}
	lim = lim.withDefaults()
	s := &shared{
		buffers: bufferPool{large: spare.Buffers{Most: lim.spare()}},
		limits:  lim, handler: h, onClose: onClose, answers: answers, log: log,
		drops: &warner.Warner{To: log, Level: slog.LevelWarn}, panics: &warner.Warner{To: log, Level: slog.LevelError},
		busy:   &warner.Warner{To: log, Level: slog.LevelWarn, Every: 10 * time.Second},
		budget: newBudget(lim.BytesInFlight), born: time.Now(),
		small: budget{limit: smallPart(lim.BytesInFlight), fits: true},
		large: budget{limit: largePart(lim.BytesInFlight), fits: true}, giants: budget{limit: 1, fits: true},
		conns: make(map[*Conn]struct{}), sources: make(map[netip.Addr]*source),
	}
	if lim.Rate > 0 {
		s.every = int64(time.Second) / int64(lim.Rate)
	}
	s.turns.init()
	return s
}

// start serves nc, which is at most the perAddr-th connection of its address, with
// frames that go over stream. If it fails nc is closed.
func (s *shared) start(nc net.Conn, stream io.ReadWriter, perAddr int) (*Conn, error) {
	c := newConn(s, nc, stream)
	c.in.last = c.born
	if err := s.add(c, perAddr); err != nil {
		_ = nc.Close() // nothing was sent on it
		return nil, err
	}
	return c, nil
}

// add notes c and sets it going.
func (s *shared) add(c *Conn, perAddr int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if err := s.enterFrom(c, perAddr); err != nil {
		return err
	}
	c.in.buf = s.buffers.get(minBuffer)
	s.conns[c] = struct{}{}
	s.wg.Go(c.run) // here, so that nobody waits for the rest after close
	return nil
}

// remove forgets a connection that has ended, and tells who wants to know.
func (s *shared) remove(c *Conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.leaveFrom(c)
	s.mu.Unlock()
	if cause := c.gone; ordinary(cause) { // set once, before this goroutine saw it
		s.log.Debug("connection closed", "remote", c.remote, "err", cause)
	} else {
		s.dropped.Add(1)
		s.drops.Log("connection dropped", "remote", c.remote, "err", cause)
	}
	if s.onClose != nil {
		defer c.recovered()
		s.onClose(c)
	}
}

// ordinary says whether connections end like this every day: closed by either
// side, broken by the network, idle.
func ordinary(cause error) bool {
	for _, usual := range []error{io.EOF, net.ErrClosed, errIdle, io.ErrClosedPipe, syscall.ECONNRESET, syscall.EPIPE, syscall.ETIMEDOUT} {
		if errors.Is(cause, usual) {
			return true
		}
	}
	return cause == ErrClosed
}

// each returns all connections.
func (s *shared) each() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}

// close takes no more connections, and ends those there are unless they drain.
func (s *shared) close(drain bool) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, c := range s.each() {
		if drain {
			c.startDrain()
		} else {
			c.fail(ErrClosed)
		}
	}
}

// count counts an answer, if anybody wants to know. Codes that strangers make up
// must not fill the counter.
func (s *shared) count(request, answer int32) {
	if s.answers == nil {
		return
	}
	if answer == RespRequestCodeNotSupported {
		request = 0
	}
	s.answers.Add(request, answer)
}
