package broker

import (
	"context"

	"pairmq/internal/remoting"
)

// readLog serves READ_LOG, 31006: bytes of the log as the medium has them, good or
// bad, from offset on; fewer than asked where a segment or the log ends.
func (b *Broker) readLog(req *remoting.Request) error {
	if may := b.opts.LogReader; may != nil && !may(req.Conn()) {
		return refuse(remoting.RespNoPermission, "the log is for the other half of the pair, which haPeers names or haSecretFile proves")
	}
	off, err := req.Fields.Int64("offset")
	if err != nil {
		return err
	}
	size, err := req.Fields.Int64("size")
	if err != nil {
		return err
	}
	if size < 1 || size > maxLogRead {
		return refuse(remoting.RespInvalidParameter, "%d bytes at once, 1 to %d are possible", size, maxLogRead)
	}
	if from, to := b.opts.Raw.Bounds(); off < from || off >= to {
		return refuse(remoting.RespPullOffsetMoved, "byte %d is not here, the log has %d to %d", off, from, to)
	}
	return b.reads.later(b, req, func(context.Context) error {
		buf := make([]byte, size)
		n, err := b.opts.Raw.ReadStored(buf, off)
		if err != nil {
			return rawError(err)
		}
		replyBody(req, buf[:n])
		return nil
	})
}
