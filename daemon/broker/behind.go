package broker

import (
	"slices"

	"pairmq/internal/remoting"
)

// whileBehind returns the requests that are served while the index is made anew,
// besides Options.More. Consumers that have begun go on: what is indexed is given to
// them, and for the rest they wait. All that needs the end of a queue, or changes
// what queues there are, has to wait.
func whileBehind() []int32 {
	return []int32{
		remoting.ReqPullMessage, remoting.ReqLitePullMessage, remoting.ReqQueryConsumerOffset, remoting.ReqUpdateConsumerOffset,
		remoting.ReqViewMessageByID,
		remoting.ReqHeartBeat, remoting.ReqUnregisterClient, remoting.ReqGetConsumerListByGroup, remoting.ReqCheckClientConfig,
		remoting.ReqLockBatchMQ, remoting.ReqUnlockBatchMQ, remoting.ReqQueryAssignment,
		remoting.ReqGetBrokerRuntimeInfo, remoting.ReqGetBrokerConfig,
		remoting.ReqGetLogChecksums, remoting.ReqReadLog,
	}
}

// restrict has all other requests refused, with a code on which clients try
// elsewhere or again.
func (b *Broker) restrict() {
	served := whileBehind()
	for code := range b.handlers {
		if _, more := b.opts.More[code]; !more && !slices.Contains(served, code) {
			b.handlers[code] = refuseBehind
		}
	}
}

func refuseBehind(*remoting.Request) error { return errBehind() }

func errBehind() error {
	return refuse(remoting.RespServiceNotAvailable, "the broker makes its index anew: it gives out what it has indexed, and will do the rest when that is done")
}
