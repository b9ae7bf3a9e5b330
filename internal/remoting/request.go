package remoting

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// A Handler serves the requests of connections. Serve is called for one request
// of a connection after the other, in their order of arrival, on the goroutine
// that reads the connection: while it runs, nothing else is read there, so what
// takes long replies later from elsewhere. Requests of different connections
// come at the same time. A panic in Serve closes the connection.
type Handler interface{ Serve(req *Request) }

// A HandlerFunc is a function as a Handler.
type HandlerFunc func(req *Request)

// Serve calls f.
func (f HandlerFunc) Serve(req *Request) { f(req) }

// A Request is a command that wants to be served. Body belongs to the
// connection and is valid only until Serve returns; the rest belongs to the
// handler and may be kept. It is not to be copied.
type Request struct {
	Command
	// Who made it, as far as whoever saw it first has found out and those who serve it
	// want to know; nil if not.
	Who      any
	conn     *Conn
	held     int64 // bytes it counts for until its reply
	reserved int64 // those of held that are for the reply
	parked   bool
	answered atomic.Bool
}

// A Response is what a handler replies.
type Response struct {
	Code   int32
	Remark string // for people; "" sends none
	Fields Fields
	Body   []byte
	// Release, if set, hands Body over: it is sent from where it is, and
	// Release is called once when it has been written or dropped, from any
	// goroutine, perhaps before Reply returns. Otherwise Body is copied
	// before Reply returns.
	Release func()
}

// reserveTime is how long Reserve waits: clients wait longer for an answer.
const reserveTime = 5 * time.Second

// Reserve waits until there is room for a reply with a body of n bytes, before the
// handler makes one that is large: replies that are made count anyway, when it is too
// late for it. It fails with ErrBusy if there is none for a while, and with ErrClosed. A
// request that was parked does not wait for long for what others of its source do not read.
// The room is the request's until it is answered. It may be called once, from the
// goroutine that answers.
func (r *Request) Reserve(n int) error {
	c := r.conn
	if r.IsOneway() || n <= copyInline && !c.from.crowded() {
		return nil
	}
	if err := r.reserve(int64(n)); err != nil {
		if errors.Is(err, errDraining) {
			err = ErrClosed
		}
		return fmt.Errorf("no room for a reply of %d bytes: %w", n, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone != nil {
		c.shared.budget.give(int64(n))
		c.ceded(int64(n))
		return c.ended()
	}
	r.held += int64(n)
	r.reserved += int64(n)
	c.held += int64(n)
	c.reserved += int64(n)
	return nil
}

// Park gives back the room that r counts for, so that requests which wait for long keep
// out no others: who keeps it bounds how many do. Room that Reserve gets after it counts
// as ever. It is called before anybody else may answer r.
func (r *Request) Park() {
	c := r.conn
	c.mu.Lock()
	held, reserved := r.held, r.reserved
	if c.gone != nil { // settle gives it back
		held, reserved = 0, 0
	}
	r.held -= held
	r.reserved -= reserved
	r.parked = true
	c.held -= held
	c.reserved -= reserved
	c.changes()
	c.mu.Unlock()
	c.shared.budget.give(held)
	c.ceded(reserved)
}

// Conn returns the connection that the request came on.
func (r *Request) Conn() *Conn { return r.conn }

// Reply answers the request. It must be called once for each request, from any
// goroutine, during Serve or later; further calls only release resp. It never
// blocks. It sends nothing for a oneway request or on a closed connection. A
// response that does not fit a frame is replaced by a RespSystemError that says
// so. Apart from a Body with a Release, resp is the caller's again on return.
func (r *Request) Reply(resp *Response) {
	if r.answered.Swap(true) {
		resp.release()
		return
	}
	r.conn.shared.count(r.Code, resp.Code)
	if r.IsOneway() {
		resp.release()
		return
	}
	r.conn.reply(r, resp)
}

// ReplyError answers the request with a code and a remark; see Reply.
func (r *Request) ReplyError(code int32, remark string) {
	r.Reply(&Response{Code: code, Remark: remark})
}

func (resp *Response) release() {
	if resp.Release != nil {
		resp.Release()
	}
}

// notSupported answers every request as one whose code is unknown.
func notSupported(req *Request) {
	req.ReplyError(RespRequestCodeNotSupported, " request type "+RequestName(req.Code)+" not supported")
}
