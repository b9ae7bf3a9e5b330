package remoting

import (
	"bytes"
	"crypto/tls"
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
	t := tls.Server(&replayed{c.nc, bytes.Clone(in.buf.b[in.r:in.w])}, config)
	in.r, in.w, in.full = 0, 0, false
	most := c.shared.limits.FirstFrameTime
	in.armed = time.Now().Add(most)
	if err := c.nc.SetDeadline(in.armed); err != nil {
		return err
	}
	if c.draining.Load() { // not before: startDrain sets the deadline too
		return errDraining
	}
	if err := t.Handshake(); err != nil {
		switch timeout := errors.Is(err, os.ErrDeadlineExceeded); {
		case timeout && c.draining.Load():
			return errDraining
		case timeout:
			return fmt.Errorf("%w: %v", errHandshake, most)
		}
		return fmt.Errorf("remoting: TLS handshake: %w", err)
	}
	c.stream = t
	return nil
}

// A replayed is a connection of which the first bytes were read already.
type replayed struct {
	net.Conn
	first []byte
}

func (r *replayed) Read(p []byte) (int, error) {
	if len(r.first) == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.first)
	if r.first = r.first[n:]; len(r.first) == 0 {
		r.first = nil
	}
	return n, nil
}
