package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// errParted says that a log and its copy differ before the end of either.
var errParted = errors.New("replica: the logs differ")

// FetchOptions say what is fetched, and where from.
type FetchOptions struct {
	Log   Log                                                      // required
	Peer  string                                                   // host:port of the peer's replication port
	Quiet time.Duration                                            // after so long without a byte the peer has no more; 0 means 2 s
	Trust Trust                                                    // who the peer may be; the zero value: everybody
	Notes *slog.Logger                                             // nil discards
	Dial  func(ctx context.Context, addr string) (net.Conn, error) // nil dials TCP
}

// Fetch lets a master that lost its log's end have it back from a slave, whose
// replication port serves as a master's does. It appends what the peer has
// beyond the log's end, and returns how many bytes. Nothing is cut off: a peer that
// has less has nothing to give, and one whose log differs is an error.
func Fetch(ctx context.Context, o FetchOptions) (int64, error) {
	if o.Quiet == 0 {
		o.Quiet = 2 * time.Second
	}
	s := NewSlave(SlaveOptions{Log: o.Log, Notes: o.Notes, Dial: o.Dial, Trust: o.Trust})
	s.keeps = true
	begin := o.Log.End()
	for {
		try, cancel := context.WithCancel(ctx)
		go s.awaitQuiet(try, cancel, o.Quiet)
		err := s.follow(try, o.Peer)
		quiet := try.Err() != nil && ctx.Err() == nil
		cancel()
		n := o.Log.End() - begin
		switch {
		case quiet, errors.Is(err, errAhead):
			return n, nil
		case errors.Is(err, errParted) || ctx.Err() != nil:
			return n, fmt.Errorf("replica: fetch from %s: %w", o.Peer, err)
		}
		s.pause(ctx, 200*time.Millisecond)
	}
}

// awaitQuiet calls done when a connection has been quiet for so long.
func (s *Slave) awaitQuiet(ctx context.Context, done func(), quiet time.Duration) {
	tick := time.NewTicker(quiet / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if heard := s.Status().Heard; !heard.IsZero() && now.Sub(heard) >= quiet {
				done()
				return
			}
		}
	}
}
