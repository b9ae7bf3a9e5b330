package remoting

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// A TLSMode says which connections a Server takes: RocketMQ's tls.server.mode.
type TLSMode int

const (
	TLSDisabled   TLSMode = iota // plain ones alone
	TLSPermissive                // both, on one port
	TLSEnforcing                 // TLS alone
)

// The reasons for which a Server does not let a connection in.
var (
	errPlain     = errors.New("remoting: peer does not speak TLS, which is enforced")
	errTLS       = errors.New("remoting: peer speaks TLS, which is disabled")
	errHandshake = errors.New("remoting: TLS handshake took too long")
	errTooMuch   = errors.New("remoting: peer sends too much before it is let in")
)

const (
	// handshakeBytes is the most that a client may send until it is let in: several large
	// certificates. crypto/tls would take 256 KiB of anybody.
	handshakeBytes = 16 << 10
	// handshakeCost is what a handshake of more than minBuffer bytes counts for: all that
	// may come, twice while it grows, and the record that it comes in.
	handshakeCost = 3 * handshakeBytes
	// handshakeWait is how long one waits for room at most: for longer than who has some may
	// keep it while others wait.
	handshakeWait = slowTime + 2*stallTime
)

// handshakeRecord is the first byte of every TLS connection. No frame begins with it: it
// would be one of 352 MiB.
const handshakeRecord = 0x16

// A door is how the connections of a Server begin. A Client has none.
type door struct {
	mode   TLSMode
	config func() *tls.Config
}

// enter waits for the first bytes of a connection, as for those of any frame, and
// shakes hands if they are of TLS. It is called by who reads the connection, before
// anybody else can write to it.
func (c *Conn) enter() error {
	d, in := c.shared.door, &c.in
	if d == nil {
		return nil
	}
	for in.w == in.r {
		if err := c.fill(0); err != nil {
			return err
		}
	}
	switch begins := in.buf.b[in.r] == handshakeRecord; {
	case begins && d.mode == TLSDisabled:
		return errTLS
	case !begins && d.mode == TLSEnforcing:
		return errPlain
	case !begins:
		return nil
	}
	return c.shake(d.config())
}

// shake makes the connection one of TLS, within FirstFrameTime of now.
func (c *Conn) shake(config *tls.Config) error {
	in := &c.in
	// A copy, for what TLS does not take now it takes from there later.
	wire := &replayed{Conn: c.nc, conn: c, shaking: true, first: bytes.Clone(in.buf.b[in.r:in.w])}
	defer wire.shaken()
	t := tls.Server(wire, config)
	in.r, in.w, in.full = 0, 0, false
	most := c.shared.limits.FirstFrameTime
	in.armed = time.Now().Add(most)
	if err := c.nc.SetDeadline(in.armed); err != nil {
		return err
	}
	if c.draining.Load() { // not before: startDrain sets the deadline too
		return errDraining
	}
	err := wire.compute()
	if err == nil {
		err = t.Handshake()
	}
	wire.pause()
	if err != nil {
		switch timeout := errors.Is(err, os.ErrDeadlineExceeded); {
		case timeout && c.draining.Load():
			return errDraining
		case timeout:
			return fmt.Errorf("%w: %v", errHandshake, most)
		}
		if !ordinary(err) {
			c.linger(lingerTime) // it may have sent its first request: to close now could take from it why not
		}
		return fmt.Errorf("remoting: TLS handshake: %w", briefly(err))
	}
	c.stream = t
	return nil
}

// briefly is err, of which no more is said than fits in a line: what cannot be read in a
// peer's certificate is quoted, however long.
func briefly(err error) error {
	const most = 600 // characters
	if text := err.Error(); len(text) > most {
		return fmt.Errorf("%.*s…", most, text)
	}
	return err
}

// A replayed is a connection of which the first bytes were read already. While it shakes
// hands it reads record by record, and not what there is no room for, and has its turn of
// the turnstile but while it waits for its peer.
type replayed struct {
	net.Conn
	conn    *Conn
	first   []byte
	shaking bool
	total   int // of the records that have begun, in bytes
	head    []byte
	rest    int           // of the record that is being read
	charged bool          // there is room for what it takes
	waited  time.Duration // for its turns
	inside  bool          // of the turnstile
}

func (r *replayed) Read(p []byte) (int, error) {
	if !r.shaking {
		return r.read(p)
	}
	r.pause()
	n, err := r.readShaking(p)
	if entered := r.compute(); err == nil {
		err = entered
	}
	return n, err
}

// readShaking reads what belongs to a record that there is room for.
func (r *replayed) readShaking(p []byte) (int, error) {
	if r.rest > 0 {
		n, err := r.read(p[:min(len(p), r.rest)])
		r.rest -= n
		return n, err
	}
	n, err := r.read(p[:min(len(p), recordHead-len(r.head))])
	if r.head = append(r.head, p[:n]...); len(r.head) == recordHead {
		r.rest, r.head = int(binary.BigEndian.Uint16(r.head[3:])), r.head[:0]
		if err := r.room(); err != nil {
			return 0, err
		}
	}
	return n, err
}

// Write writes what the flusher does, by its deadline, and what TLS answers by itself when
// the peer wants other keys: by then that deadline may have passed.
func (r *replayed) Write(p []byte) (int, error) {
	if c := r.conn; !r.shaking && time.Since(c.born) >= time.Duration(c.writeBy.Load()) {
		if err := c.extendWrite(); err != nil {
			return 0, err
		}
	}
	if !r.shaking {
		return r.Conn.Write(p)
	}
	r.pause()
	n, err := r.Conn.Write(p)
	if entered := r.compute(); err == nil {
		err = entered
	}
	return n, err
}

// compute waits until it is this handshake's turn to compute. That time is not its peer's.
func (r *replayed) compute() error {
	c := r.conn
	from := SourceOf(c.remote.Addr())
	turn := c.shared.turns.enter(from)
	if turn == nil {
		r.inside = true
		return nil
	}
	begun := time.Now()
	enough := time.NewTimer(c.shared.limits.FrameTime - r.waited)
	defer enough.Stop()
	var err error
	select {
	case <-turn:
		r.inside = true
		r.waited += time.Since(begun)
		c.in.armed = c.in.armed.Add(time.Since(begun))
		err = c.nc.SetDeadline(c.in.armed)
	case <-enough.C:
		err = os.ErrDeadlineExceeded
	case <-c.done:
		err = c.cause()
	}
	if !r.inside {
		c.shared.turns.giveUp(from, turn)
	}
	if err == nil && c.draining.Load() {
		err = os.ErrDeadlineExceeded
	}
	return err
}

// pause lets others compute.
func (r *replayed) pause() {
	if r.inside {
		r.inside = false
		r.conn.shared.turns.leave()
	}
}

func (r *replayed) read(p []byte) (int, error) {
	if len(r.first) == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.first)
	if r.first = r.first[n:]; len(r.first) == 0 {
		r.first = nil
	}
	return n, nil
}

// recordHead is how many bytes say of what kind a record of TLS is, and how long.
const recordHead = 5

// room sees that there is some for the record that begins. While others wait for it a
// handshake that is not done in stallTime is ended, as a large frame of which nothing comes.
func (r *replayed) room() error {
	c := r.conn
	if r.total += recordHead + r.rest; r.total > handshakeBytes {
		return fmt.Errorf("%w: %d bytes, at most %d are taken", errTooMuch, r.total, handshakeBytes)
	}
	if r.total <= minBuffer || r.charged {
		return nil
	}
	begun := time.Now()
	if err := c.borrow(minBuffer+handshakeCost, handshakeWait); err != nil {
		return fmt.Errorf("no room for a handshake: %w", err)
	}
	if d := time.Since(begun); d > 0 { // it was not the peer who took so long
		c.in.armed = c.in.armed.Add(d)
		if err := c.nc.SetDeadline(c.in.armed); err != nil {
			return err
		}
		if c.draining.Load() { // not before: startDrain sets the deadline too
			return os.ErrDeadlineExceeded
		}
	}
	r.charged = true
	c.noteBegin(handshakeCost, 0)
	return nil
}

// shaken ends the handshake.
func (r *replayed) shaken() {
	if c := r.conn; r.charged {
		c.flow.want.Store(0)
		c.payBack(len(c.in.buf.b))
	}
	r.shaking, r.head = false, nil
}
