package broker

import (
	"errors"
	"slices"

	"pairmq/daemon/broker/pop"
	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/table"
)

func (b *Broker) popOptions() pop.Options {
	return pop.Options{
		Store: delivering{b.opts.Store, b.flows}, Flights: b.opts.MaxPopped, QueueFlights: b.opts.MaxPoppedQueue, Log: b.log, Opened: b.popPolls.opened,
		Revive: pop.ReviveTopicPrefix + b.opts.Cluster,
		Make: func(topic string) error {
			if _, ok := b.store.Topic(topic); ok {
				return nil
			}
			_, err := b.makeTopic(groupTopic(topic, 1))
			return err
		},
		Young: func(topic string, queueID int32) bool { return b.young(queueKey{topic, queueID}) },
	}
}

// popper returns what has messages popped, or refuses.
func (b *Broker) popper() (*pop.Service, error) {
	if err := b.onlyMaster("messages are popped at the master"); err != nil {
		return nil, err
	}
	if b.pops == nil {
		return nil, store.ErrReadOnly
	}
	return b.pops, nil
}

// Keep keeps what was popped and acknowledged since Run has ended. Call it when no request
// comes any more, while the store still runs.
func (b *Broker) Keep() {
	if b.pops != nil {
		b.pops.Keep()
	}
}

// resetPopped resets offsets, also of groups that pop.
func (b *Broker) resetPopped(all []table.Offset) error {
	return b.setPopped(all, func() error { return b.store.ResetOffsets(all) })
}

// setPopped runs reset, which sets offsets, also of groups that pop.
func (b *Broker) setPopped(all []table.Offset, reset func() error) error {
	if b.pops == nil {
		return reset()
	}
	if err := b.pops.Reset(all, reset); err != nil {
		return err
	}
	b.popPolls.moved(all)
	return nil
}

// forgetPopped runs remove, which deletes a group or a topic, and forgets what was popped
// of it, and who waits to pop it; the other name is "".
func (b *Broker) forgetPopped(group, topic string, remove func() error) error {
	if b.pops == nil {
		return remove()
	}
	if err := b.pops.Forget(group, topic, remove); err != nil {
		return err
	}
	for _, h := range b.popPolls.forget(group, topic) {
		h.none()
	}
	return nil
}

// popRetryTopics are the topics there are in which messages of a topic come again that
// groups have popped and not acknowledged.
func (b *Broker) popRetryTopics(topic string) (names []string) {
	for group, offsets := range b.store.AllOffsets() {
		name := pop.RetryTopic(group, topic)
		if _, ok := b.store.Topic(name); ok && name != topic && slices.ContainsFunc(offsets, func(o index.GroupOffset) bool { return o.Topic == topic }) {
			names = append(names, name)
		}
	}
	return names
}

// popError gives an error of package pop a code.
func popError(err error) error {
	switch {
	case errors.Is(err, pop.ErrBusy):
		return refuse(remoting.RespSystemBusy, "%v", err)
	case errors.Is(err, pop.ErrHandle):
		return refuse(remoting.RespInvalidParameter, "%v", err)
	}
	return err
}
