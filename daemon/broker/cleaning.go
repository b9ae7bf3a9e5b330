package broker

import (
	"context"
	"time"

	"pairmq/internal/remoting"
)

// cleanLog serves DELETE_EXPIRED_COMMITLOG, 329: segments that are older than they are to
// be kept are given back now, not with the store's next look.
func (b *Broker) cleanLog(req *remoting.Request) error {
	return b.queries.later(b, req, func(context.Context) error {
		if err := b.store.Clean(time.Now()); err != nil {
			return err
		}
		replyDone(req)
		return nil
	})
}

// cleanQueues serves CLEAN_EXPIRED_CONSUMEQUEUE, 306, and CLEAN_UNUSED_TOPIC, 316. There is
// never anything to do: what a consume queue has of the log goes with that, and the
// queues of a topic with the topic.
func (b *Broker) cleanQueues(req *remoting.Request) error {
	replyDone(req)
	return nil
}
