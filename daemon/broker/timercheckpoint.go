package broker

import (
	"encoding/binary"

	"pairmq/internal/remoting"
)

// timerCheckpoint serves GET_TIMER_CHECK_POINT, 60: how far messages with a time of their
// own were delivered, by which slaves of Apache 5.x go on when they become master. The
// body is seven numbers of 8 bytes, big endian: a time in ms since 1970, before which all
// is delivered that lies before the queue offset in the fourth; the second and third are of
// the asked broker's own files, and the last three a version, which is taken as it comes.
func (b *Broker) timerCheckpoint(req *remoting.Request) error {
	if b.timers == nil {
		return refuse(remoting.RespSystemError, "this broker delivers nothing: ask the master")
	}
	at := b.timers.Checkpoint()
	var body []byte
	for _, n := range [...]int64{at.Read, 0, at.Next, at.Next, 0, b.started.UnixMilli(), 0} {
		body = binary.BigEndian.AppendUint64(body, uint64(n))
	}
	replyBody(req, body)
	return nil
}
