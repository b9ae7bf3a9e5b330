package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"pairmq/daemon/broker"
	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/replica/pair"
	"pairmq/store"
)

// Bounds of one comparison of logs.
const (
	compareTime  = time.Minute      // for all of it
	peerTime     = 10 * time.Second // for the peer to answer
	peerReadSize = 1 << 20          // bytes that it gives at once
)

// A verifier compares the broker's log with that of another broker.
type verifier struct {
	store  *store.Store
	client *pair.Circle
	name   string // brokerName, which both must have
	self   string // the address under which clients know this broker

	alone sync.Mutex // one comparison at a time
}

// compare is what broker.Options wants.
func (v *verifier) compare(ctx context.Context, peer string, start, end int64, repair bool) (store.Comparison, error) {
	ctx, cancel := context.WithTimeout(ctx, compareTime)
	defer cancel()
	addr, err := discovery.ParseAddr(peer)
	if err != nil {
		return store.Comparison{}, fmt.Errorf("%w: %w", broker.ErrPeer, err)
	}
	v.alone.Lock()
	defer v.alone.Unlock()
	p, err := v.meet(ctx, addr)
	if err != nil {
		return store.Comparison{}, err
	}
	return v.store.Compare(ctx, start, end, p, repair)
}

// meet asks the broker at addr who it is. Whoever does not have the same name has
// another log: what is sound there must not come here.
func (v *verifier) meet(ctx context.Context, addr string) (store.Peer, error) {
	resp, err := v.ask(ctx, addr, &remoting.Command{Code: remoting.ReqGetLogChecksums, Fields: remoting.Fields{{Key: "start", Value: "0"}, {Key: "end", Value: "0"}}})
	if err != nil {
		return store.Peer{}, err
	}
	f := resp.Fields
	switch name, size := f.Get("brokerName"), strconv.FormatInt(v.store.SegmentSize(), 10); {
	case name != v.name:
		return store.Peer{}, fmt.Errorf("%w: %s is %q, not the other half of %q", broker.ErrPeer, addr, name, v.name)
	case f.Get("brokerAddr") == v.self:
		return store.Peer{}, fmt.Errorf("%w: %s is this broker itself", broker.ErrPeer, addr)
	case f.Get("segmentSize") != size:
		return store.Peer{}, fmt.Errorf("%w: %s has segments of %s bytes, this one of %s", broker.ErrPeer, addr, f.Get("segmentSize"), size)
	}
	p := store.Peer{Read: func(ctx context.Context, b []byte, off int64) (int, error) { return v.read(ctx, addr, b, off) }}
	if p.Start, err = f.Int64("minPhyOffset"); err == nil {
		p.End, err = f.Int64("endPhyOffset")
	}
	if err != nil {
		return store.Peer{}, fmt.Errorf("%w: %s: %w", broker.ErrPeer, addr, err)
	}
	return p, nil
}

// read is a store.Peer's.
func (v *verifier) read(ctx context.Context, addr string, b []byte, off int64) (int, error) {
	req := &remoting.Command{Code: remoting.ReqReadLog}
	req.Fields.AddInt("offset", off)
	req.Fields.AddInt("size", int64(min(len(b), peerReadSize)))
	resp, err := v.ask(ctx, addr, req)
	if err != nil {
		return 0, err
	}
	if n := len(resp.Body); n == 0 || n > len(b) {
		return 0, fmt.Errorf("%w: %s gives %d bytes of its log at %d, asked for %d", broker.ErrPeer, addr, n, off, len(b))
	}
	return copy(b, resp.Body), nil
}

// errNoLog: a peer that shows nobody its log.
var errNoLog = errors.New("it is a broker of Apache, or an older pairmqd")

// ask asks a peer. It fails with broker.ErrPeer unless that says yes, and with
// errNoLog besides if it never will.
func (v *verifier) ask(ctx context.Context, addr string, req *remoting.Command) (*remoting.Command, error) {
	ctx, cancel := context.WithTimeout(ctx, peerTime)
	defer cancel()
	resp, err := v.client.Call(ctx, addr, req)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", broker.ErrPeer, err)
	case resp.Code == remoting.RespRequestCodeNotSupported:
		return nil, fmt.Errorf("%w: %s shows nobody its log: %w (%s)", broker.ErrPeer, addr, errNoLog, remoting.ResponseName(resp.Code))
	case resp.Code != remoting.RespSuccess:
		return nil, fmt.Errorf("%w: %s answers %s: %s", broker.ErrPeer, addr, remoting.ResponseName(resp.Code), resp.Remark)
	}
	return resp, nil
}
