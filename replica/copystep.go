package replica

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"pairmq/internal/remoting"
)

// A copyStep is one of the requests of a round.
type copyStep struct {
	what  string // for the log
	code  int32
	fast  bool // goes to the second port
	apply func(s *copyStep, resp *remoting.Command) error
	// fields are what a master of ours is asked for; one of Apache's might answer
	// a page to a request with fields.
	fields remoting.Fields
	// version is the number that grows with what the step copies; nil where a
	// master does not tell of it.
	version func(TableVersions) int64

	newer   bool   // masters of 4.x do not know the request: they have nothing of it
	unknown string // the master that did not know it
	failing bool
	refused int  // entries that were not copied the last time
	kept    bool // entries that the master does not have were not removed
}

// copy does one step. What a master did not know it is not asked again: it would log
// that each time.
func (c *Copier) copy(ctx context.Context, master string, s *copyStep) error {
	if s.unknown == master {
		return nil
	}
	err := c.copyFrom(ctx, master, s)
	if s.newer && errors.Is(err, errUnknown) {
		s.unknown, err = master, nil
	}
	return err
}

// askAnew has the next round ask for everything: another program may answer at the
// master's address.
func (c *Copier) askAnew() {
	for _, s := range c.steps {
		s.unknown = ""
	}
}

func (c *Copier) copyFrom(ctx context.Context, master string, s *copyStep) error {
	addr, err := master, error(nil)
	if s.fast {
		if addr, err = fastAddr(master); err != nil {
			return err
		}
	}
	req := &remoting.Command{Code: s.code}
	if master == c.ours {
		req.Fields = s.fields
	}
	resp, err := c.ask(ctx, addr, req)
	if err != nil {
		return err
	}
	return s.apply(s, resp)
}

// errUnknown: the master knows nothing of a request.
var errUnknown = errors.New("replica: the master does not support it")

// fastAddr is where a broker that listens at addr has its second port: a slave
// asks there for topics, as RocketMQ's do.
func fastAddr(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("replica: the master's address: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n <= 2 {
		return "", fmt.Errorf("replica: the master's address %s has no port from which 2 can be taken", addr)
	}
	return net.JoinHostPort(host, strconv.FormatUint(n-2, 10)), nil
}

// ask sends a request and returns the answer if it is a success.
func (c *Copier) ask(ctx context.Context, addr string, req *remoting.Command) (*remoting.Command, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	conn, err := c.opts.Client.Conn(ctx, addr)
	if err != nil {
		return nil, err
	}
	resp, err := conn.Call(ctx, req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			_ = conn.Close() // its peer may be gone without a word: dial anew
		}
		return nil, err
	}
	if resp.Code == remoting.RespRequestCodeNotSupported {
		return nil, fmt.Errorf("%w: %s, request %s", errUnknown, addr, remoting.RequestName(req.Code))
	}
	if resp.Code != remoting.RespSuccess {
		return nil, fmt.Errorf("replica: %s refuses request %s: code %d, %.200q", addr, remoting.RequestName(req.Code), resp.Code, resp.Remark)
	}
	return resp, nil
}

// left logs how many entries of an answer are not copied, and why the first of
// them is not, when that has changed.
func (c *Copier) left(s *copyStep, refused int, why error) {
	if refused > 0 && refused != s.refused {
		c.log.Warn("not everything is copied from the master", "what", s.what, "left", refused, "err", why)
	}
	s.refused = refused
}

// removes says whether what the master does not have, which is gone many
// entries, is removed here. A slave that must not is told so once. Nothing is
// before it is known whether the master can tell what was deleted when.
func (c *Copier) removes(s *copyStep, gone int) bool {
	if master := c.opts.Master(); master != c.ours && master != c.plain {
		return false
	}
	same := c.opts.SameLog()
	if gone > 0 && !same && !s.kept {
		c.log.Info("kept what the master does not have: the logs were not found to be the same", "what", s.what, "kept", gone)
	}
	s.kept = gone > 0 && !same
	return same
}
