package rights

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"

	"pairmq/internal/acl"
	"pairmq/internal/remoting"
)

// Options says who has which right. Of this host everybody has all; everybody has Client
// and Register.
type Options struct {
	Admins func(netip.Addr) bool // who has Read, Pair and Admin too, besides the other half; nil: nobody
	// Accounts, if set, has brokers serve nobody who is no account of these; see Broker. It
	// is called for every request, from any goroutine.
	Accounts func() *acl.Rules
	// ReplyTopic is to where every account may send replies, unless it lists it otherwise.
	ReplyTopic string
	Log        *slog.Logger // nil discards
}

// Halves say which connections are the other half's, which has Pair, and Read since it has all
// that is stored anyway. The zero value: none is. They are called for requests that need these
// rights, from any goroutine.
type Halves struct {
	Known  func(*remoting.Conn) bool // it is configured, or has proven it
	Proven func(*remoting.Conn) bool // it has proven it: that counts where accounts are asked for, too
}

// A Gate lets requests through to those who serve them, by their right and where they
// come from. Use New. Its methods are safe for concurrent use.
type Gate struct {
	opts    Options
	refusal refusals
	refused [Admin + 1]atomic.Int64
	admins  atomic.Pointer[func(netip.Addr) bool]
}

// New returns a Gate.
func New(o Options) *Gate {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gate{opts: o}
	g.refusal.to(o.Log)
	g.SetAdmins(o.Admins)
	return g
}

// SetAdmins changes Options.Admins, also for the connections that there are.
func (g *Gate) SetAdmins(has func(netip.Addr) bool) { g.admins.Store(&has) }

// Ahead returns a handler that has next serve what is let through. It answers a code
// without a row, or with one that says Nobody, as one that is not supported, and what
// who asks has no right to with NO_PERMISSION.
func (g *Gate) Ahead(next remoting.Handler) remoting.Handler { return g.ahead(next, Halves{}) }

func (g *Gate) ahead(next remoting.Handler, halves Halves) remoting.Handler {
	return remoting.HandlerFunc(func(req *remoting.Request) {
		row, listed := Of(req.Code)
		if !listed || row.Right == Nobody {
			req.ReplyError(remoting.RespRequestCodeNotSupported, fmt.Sprintf(" request type %d not supported", req.Code))
			return
		}
		if row.Code == remoting.ReqPromoteBroker && req.Fields.Get("force") != "" {
			row.Right = Admin // a master that hands over does not force it: a person does
		}
		from, to := req.Conn().RemoteAddr().Addr(), req.Conn().LocalAddr().Addr()
		if row.Half && halves.Known != nil {
			if halves.Known(req.Conn()) {
				next.Serve(req)
			} else {
				g.refuse(req, &row, from)
			}
			return
		}
		if g.Allows(row.Right, from, to) || row.ofHalves() && is(halves.Known, req.Conn()) || g.isAdminAccount(&req.Command, from) {
			next.Serve(req)
			return
		}
		g.refuse(req, &row, from)
	})
}

// is says whether a connection is one of the other half's.
func is(half func(*remoting.Conn) bool, conn *remoting.Conn) bool { return half != nil && half(conn) }

// ofHalves says whether the other half has the right of a row.
func (r *Row) ofHalves() bool { return r.Right == Pair || r.Right == Read }

// refuse answers a request that is not let through for want of a right.
func (g *Gate) refuse(req *remoting.Request, row *Row, from netip.Addr) {
	right, name := row.Right, remoting.RequestName(req.Code)
	g.refused[right].Add(1)
	what := "a request was refused: its sender has no right to it"
	if right == Pair {
		what = "a request that the other half of a pair makes was refused: if it came from there, name its address in haPeers, or give both the same haSecretFile"
	}
	g.refusal.log(from, what, "request", name, "right", right.String(), "from", from.String())
	req.ReplyError(remoting.RespNoPermission, remark(name, row, from))
}

// remark tells an operator what to do.
func remark(request string, row *Row, from netip.Addr) string {
	right := row.Right
	switch {
	case row.Half:
		return fmt.Sprintf("%s is for the other half of this pair alone: if that is %s, add it to haPeers and reload this server, or give both the same haSecretFile and restart them", request, from)
	case right == Pair:
		return fmt.Sprintf("%s needs the right %q, which %s has not: if it is the other half of this pair, add %s to haPeers, or give both the same haSecretFile and restart them; else ask on the host of this server itself, or add it to adminAddresses; and reload it",
			request, right, from, from)
	}
	return fmt.Sprintf("%s needs the right %q, which %s has not: ask on the host of this server itself, or add %s to adminAddresses in its configuration and reload it",
		request, right, from, from)
}

// Allows says whether who calls from one address, at the other, has a right, whether it is the
// other half or not.
func (g *Gate) Allows(right Right, from, to netip.Addr) bool {
	if Local(from, to) {
		return true
	}
	switch right {
	case Client, Register:
		return true
	case Pair, Read, Admin:
		return g.Administers(from)
	}
	return false
}

// Refused is how many requests that need a right were refused since the start.
func (g *Gate) Refused(right Right) int64 { return g.refused[right].Load() }

// Administers says whether an address is one of Options.Admins.
func (g *Gate) Administers(from netip.Addr) bool {
	has := *g.admins.Load()
	return has != nil && has(from)
}

// Local says whether who calls from one address is on the host that was called at the
// other. Nobody elsewhere gets a connection under an address of this host's own: what is
// answered to it does not leave.
func Local(from, to netip.Addr) bool {
	from, to = plain(from), plain(to)
	return from.IsValid() && (from.IsLoopback() || from == to)
}

// plain is a as an address of its own kind, without the link that it was met on.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
