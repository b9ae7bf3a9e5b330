package broker

import (
	"errors"
	"sync/atomic"

	"pairmq/store"
	"pairmq/store/index"
)

// A reason is why a request was refused, as far as an operator can do something
// about it. One answer code often stands for several of them.
type reason int

// The reasons. Those from diskFull on are this broker's, not the client's.
const (
	byRequest    reason = iota // it asks for what is not there, not allowed or not right
	diskFull                   // the file system has no room, or storeMaxBytes
	topicQuota                 // the topic has reached topicMaxBytes
	diskSlow                   // the disk did not take it in time; nothing was stored
	diskFailed                 // the store has stopped
	readOnly                   // it stores nothing: damaged, stopping, handing over
	flushTimeout               // stored, and not on flash in time
	slaveTimeout               // stored, and not on a slave in time
	noSlave                    // stored, and there is no slave
	otherReason                // the log says why
	reasons
)

// String is the reason as a label has it.
func (r reason) String() string {
	return [...]string{"request", "disk_full", "topic_quota", "disk_slow", "disk_failed", "read_only", "flush_timeout", "slave_timeout", "no_slave", "other"}[r]
}

// reasonOf is why err refuses a request.
func reasonOf(err error) reason {
	for _, c := range []struct {
		err error
		why reason
	}{
		{store.ErrDiskFull, diskFull}, {store.ErrQuota, topicQuota}, {store.ErrBusy, diskSlow}, {store.ErrFailed, diskFailed}, {index.ErrFailed, diskFailed},
		{store.ErrReadOnly, readOnly}, {store.ErrFlushTimeout, flushTimeout}, {store.ErrSlaveTimeout, slaveTimeout}, {store.ErrNoSlave, noSlave},
	} {
		if errors.Is(err, c.err) {
			return c.why
		}
	}
	if known(err) {
		return byRequest
	}
	return otherReason
}

// refusals counts by reason.
type refusals [reasons]atomic.Int64

// add counts err, unless it is nil.
func (r *refusals) add(err error) {
	if err != nil {
		r[reasonOf(err)].Add(1)
	}
}

// byStore is how many the store refused, and did not store.
func (r *refusals) byStore() (n int64) {
	for why := diskFull; why <= readOnly; why++ {
		n += r[why].Load()
	}
	return n
}

// Load is what a Broker has to do with now, and what it refused since New.
type Load struct {
	HeldPulls                      int
	ConsumerGroups, ProducerGroups int // that are online
	Clients                        int // connections with a consumer or producer
	Refused                        map[string]int64
}

// Load returns it.
func (b *Broker) Load() Load {
	l := Load{HeldPulls: b.polls.held(), Refused: map[string]int64{}}
	l.ConsumerGroups, l.ProducerGroups, l.Clients = b.clients.count()
	for r := range reasons {
		l.Refused[r.String()] = b.refusals[r].Load()
	}
	return l
}

// held is how many pulls are held, or woken and not answered yet.
func (p *longPoll) held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// count returns how many are online.
func (c *clients) count() (consumerGroups, producerGroups, conns int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.consumers), len(c.producers), len(c.conns)
}
