package rights

import (
	"fmt"
	"net/netip"
	"strings"

	"pairmq/internal/acl"
	"pairmq/internal/remoting"
)

// Broker returns a handler that has next serve what is let through, as Ahead does, the other
// half's too, and by accounts if Options has some. Then nobody is served who is none, on this host neither: a
// client needs the permissions for topics and groups that the header names, and all else
// needs an admin, or for what halves ask one that has proven to be; what operators look at needs an account, if they are where they may look. Who
// it is that asks next finds in the request, for topics and groups that the header does not
// tell: as an *acl.Identity.
//
// The answer to a signature that is wrong, or a permission that is missing, is RocketMQ's:
// SYSTEM_ERROR, or NO_PERMISSION for a user of 5.x.
func (g *Gate) Broker(next remoting.Handler, halves Halves) remoting.Handler {
	if g.opts.Accounts == nil {
		return g.ahead(next, halves)
	}
	return remoting.HandlerFunc(func(req *remoting.Request) {
		row, listed := Of(req.Code)
		if !listed || row.Right == Nobody {
			req.ReplyError(remoting.RespRequestCodeNotSupported, fmt.Sprintf(" request type %d not supported", req.Code))
			return
		}
		if row.Code == remoting.ReqProveHalf || row.Right == Pair && req.Fields.Get("force") == "" && is(halves.Proven, req.Conn()) {
			next.Serve(req) // who has the pair's secret needs no account
			return
		}
		from, to := req.Conn().RemoteAddr().Addr(), req.Conn().LocalAddr().Addr()
		if row.Half && !is(halves.Known, req.Conn()) { // whose account it is makes no half of him
			g.refuse(req, &row, from)
			return
		}
		id, err := g.identify(&req.Command, from)
		if err == nil && row.Right == Client {
			err = g.permitted(&req.Command, &row, id)
		}
		switch {
		case err != nil:
			g.refused[row.Right].Add(1)
			g.refusal.log(from, "a request was refused: its account is not known or has no permission", "request", remoting.RequestName(req.Code), "from", from.String(), "err", err)
			req.ReplyError(acl.Code(err), err.Error())
		case row.Right == Client, id.Admin(), row.Right == Read && g.Allows(Read, from, to):
			req.Who = id
			next.Serve(req)
		default:
			g.refused[row.Right].Add(1)
			g.refusal.log(from, "a request was refused: its account is no admin", "request", remoting.RequestName(req.Code), "right", row.Right.String(), "from", from.String(), "account", id.Name())
			// RocketMQ's words, which people search for.
			req.ReplyError(id.Code(), fmt.Sprintf("Need admin permission for request code=%d, but accessKey=%s is not", req.Code, id.Name()))
		}
	})
}

// isAdminAccount says whether a request that an address alone has no right to is an
// admin's.
func (g *Gate) isAdminAccount(cmd *remoting.Command, from netip.Addr) bool {
	if g.opts.Accounts == nil {
		return false
	}
	id, err := g.identify(cmd, from)
	return err == nil && id.Admin()
}

// identify is acl.Rules.Identify for requests that have the shape of their code.
func (g *Gate) identify(cmd *remoting.Command, from netip.Addr) (*acl.Identity, error) {
	if why := misshapen(cmd); why != "" {
		return nil, fmt.Errorf("%s is not taken as it was signed: %s", remoting.RequestName(cmd.Code), why)
	}
	return g.opts.Accounts().Identify(cmd, from)
}

// permitted fails unless id has the permissions for what the header of a client's request
// names. RocketMQ looks at fewer requests.
func (g *Gate) permitted(cmd *remoting.Command, row *Row, id *acl.Identity) error {
	named, grouped := row.Topic != "", row.Group != ""
	topic, group := cmd.Fields.Get(row.Topic), cmd.Fields.Get(row.Group)
	want := acl.Sub
	switch cmd.Code {
	case remoting.ReqSendMessage, remoting.ReqSendMessageV2, remoting.ReqSendBatchMessage, remoting.ReqRecallMessage:
		// Groups of producers have no permissions. Consumers send to topics of retries.
		if want, grouped = acl.Pub, false; strings.HasPrefix(topic, retryPrefix) {
			want = acl.Sub
		}
	case remoting.ReqSendReplyMessage, remoting.ReqSendReplyMessageV2:
		// Consumers send to the topic of replies, which nobody consumes: who has asked is handed them.
		if want, grouped = acl.Pub, false; topic == g.opts.ReplyTopic && topic != "" && !id.Lists(topic) {
			return nil
		}
	case remoting.ReqSearchOffsetByTimestamp, remoting.ReqGetMaxOffset, remoting.ReqGetMinOffset, remoting.ReqGetEarliestMsgStoretime:
		want = acl.Seek
	case remoting.ReqQueryMessage, remoting.ReqQueryConsumerOffset, remoting.ReqGetConsumerListByGroup:
		want = acl.Find
	case remoting.ReqUpdateConsumerOffset:
		want = acl.Move
	case remoting.ReqQueryConsumeTimeSpan, remoting.ReqPollingInfo:
		want = acl.Look
	case remoting.ReqEndTransaction, remoting.ReqViewMessageByID, remoting.ReqConsumerSendMsgBack:
		// The topic is that of the message, which the header need not tell truly.
		named, grouped = false, cmd.Code == remoting.ReqConsumerSendMsgBack
	case remoting.ReqUnregisterClient:
		grouped = group != "" // else a producer goes
	case remoting.ReqAckMessage, remoting.ReqChangeMessageInvisibletime:
		return id.Popped(topic, group)
	}
	if grouped { // one that is missing has what others have by default
		if err := id.Group(group, want); err != nil {
			return err
		}
	}
	if named {
		return id.Topic(topic, want)
	}
	return nil
}

const retryPrefix = "%RETRY%"
