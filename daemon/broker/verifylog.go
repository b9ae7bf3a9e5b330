package broker

import (
	"context"
	"errors"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// verifyLog serves VERIFY_LOG, 31007: it compares a range of the log with that of
// the broker at peer, repairs if asked to what is bad here and good there, and
// answers with what it found, as JSON.
func (b *Broker) verifyLog(req *remoting.Request) error {
	r, err := b.logRange(req.Fields)
	if err != nil {
		return err
	}
	repair, err := req.Fields.BoolOr("repair", false)
	if err != nil {
		return err
	}
	peer := req.Fields.Get("peer")
	if peer == "" {
		return refuse(remoting.RespInvalidParameter, "the field peer is missing")
	}
	return b.compares.later(b, req, func(ctx context.Context) error {
		found, err := b.opts.Compare(ctx, peer, r.start, r.end, repair)
		switch {
		case err != nil && len(found.Findings) == 0 && errors.Is(err, ErrPeer):
			return err
		case err != nil && len(found.Findings) == 0:
			return rawError(err)
		case err != nil: // what was repaired must be told; the rest is asked for again
			b.warned.Log("a comparison of logs ended early", "peer", peer, "phyOffset", found.End, "err", err)
		}
		if found.Findings == nil {
			found.Findings = []store.Finding{}
		}
		return replyJSON(req, found)
	})
}
