package replica

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestFetch gives a log back what its slave has of it, and never takes
// anything away.
func TestFetch(t *testing.T) {
	tests := []struct {
		name       string
		own, peers func() *memLog
		want       int64 // bytes
		err        error
	}{
		{"the end was lost", func() *memLog { return logOf(40, 1) }, func() *memLog { return logOf(55, 1) }, 15 * testRecord, nil},
		{"all was lost", func() *memLog { return &memLog{} }, func() *memLog { return logOf(55, 1) }, 55 * testRecord, nil},
		{"nothing was lost", func() *memLog { return logOf(40, 1) }, func() *memLog { return logOf(40, 1) }, 0, nil},
		{"the slave has less", func() *memLog { return logOf(40, 1) }, func() *memLog { return logOf(38, 1) }, 0, nil},
		{"the slave has much less", func() *memLog { return logOf(4000, 1) }, func() *memLog { return logOf(38, 1) }, 0, nil},
		{"the slave has nothing", func() *memLog { return logOf(40, 1) }, func() *memLog { return &memLog{} }, 0, nil},
		{"the slave has another log", func() *memLog { return logOf(40, 1) }, func() *memLog { return logOf(60, 2) }, 0, errParted},
		{"the slave is not there", func() *memLog { return logOf(40, 1) }, nil, 0, context.DeadlineExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial := func(context.Context, string) (net.Conn, error) { return nil, errors.New("no route") }
				if tt.peers != nil {
					p := newPair(t, tt.peers())
					defer p.end()
					dial = p.dial
				}
				own := tt.own()
				before := own.bytes()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				n, err := Fetch(ctx, FetchOptions{Log: own, Peer: "x", Dial: dial})
				if n != tt.want || (err != nil) != (tt.err != nil) || tt.err == errParted && !errors.Is(err, errParted) {
					t.Errorf("Fetch = %d, %v; want %d, %v", n, err, tt.want, tt.err)
				}
				after := own.bytes()
				if !bytes.HasPrefix(after, before) || int64(len(after)-len(before)) != n || own.cut != nil {
					t.Errorf("%d bytes became %d", len(before), len(after))
				}
			})
		})
	}
}
