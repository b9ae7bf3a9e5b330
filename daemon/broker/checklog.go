package broker

import (
	"context"

	"pairmq/internal/remoting"
)

// checkLog serves CHECK_LOG, 31008: it verifies a piece of the log as the medium has
// it, and what the index says of it, from start on, and answers with what it found and
// where the next piece begins, as JSON. Where start was given back, it begins behind.
func (b *Broker) checkLog(req *remoting.Request) error {
	start, err := req.Fields.Int64("start")
	if err != nil {
		return err
	}
	if start < 0 {
		return refuse(remoting.RespInvalidParameter, "byte %d is no part of a log", start)
	}
	return b.compares.later(b, req, func(ctx context.Context) error {
		checked, err := b.opts.Check(ctx, start)
		if err != nil {
			return rawError(err)
		}
		return replyJSON(req, checked)
	})
}
