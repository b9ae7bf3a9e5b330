package broker

import (
	"slices"
	"strings"

	"pairmq/daemon/broker/pop"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// requestMode returns the mode of a group; retry topics are always pulled.
func (b *Broker) requestMode(group, topic string) (table.RequestMode, error) {
	all, err := b.store.RequestModes()
	m, ok := all[topic][group]
	if !ok {
		m.Mode = table.ModePull
	}
	return m, err
}

// setRequestMode serves SET_MESSAGE_REQUEST_MODE, 401; durable when it is answered.
func (b *Broker) setRequestMode(req *remoting.Request) error {
	if err := b.onlyMaster("set modes at the master"); err != nil {
		return err
	}
	var m table.RequestMode
	if err := b.decodeJSON(req.Body, &m); err != nil {
		return err
	}
	if strings.HasPrefix(m.Topic, table.RetryPrefix) {
		return refuse(remoting.RespNoPermission, "retry topic is not allowed to set mode")
	}
	if _, err := b.topic(m.Topic); err != nil {
		return err
	}
	if _, ok := b.store.Group(m.Group); !ok {
		return refuse(remoting.RespSubscriptionGroupNotExist, "subscription group %.255q does not exist", m.Group)
	}
	if m.Mode != table.ModePop && m.Mode != table.ModePull {
		return refuse(remoting.RespInvalidParameter, "there are the modes %s and %s, none is %.20q", table.ModePull, table.ModePop, m.Mode)
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	all, err := b.store.RequestModes()
	if err != nil {
		return err
	}
	all.Set(m)
	all.Retain(func(topic, group string) bool { // not those of what was deleted
		_, hasTopic := b.store.Topic(topic)
		_, hasGroup := b.store.Group(group)
		return hasTopic && hasGroup
	})
	if n := all.Count(); n > table.MaxRequestModes {
		return refuse(remoting.RespSystemError, "%d modes are set, no more are allowed", n-1)
	}
	if err := b.store.SetRequestModes(all); err != nil {
		return err
	}
	b.said.Log("consume mode set", "group", m.Group, "topic", m.Topic, "mode", m.Mode)
	replyDone(req)
	return nil
}

// allRequestModes serves GET_ALL_MESSAGE_REQUEST_MODE, 402, by which slaves of 5.x
// copy which groups pop.
func (b *Broker) allRequestModes(req *remoting.Request) error {
	all, err := b.store.RequestModes()
	if err != nil {
		return err
	}
	return replyJSON(req, map[string]table.RequestModes{"messageRequestModeMap": all})
}

// popQueues returns which queues of n a client of a group pops.
func popQueues(strategy string, n int, ids []string, client string, others int) []int {
	at, ok := slices.BinarySearch(ids, client)
	if !ok || strategy != "AVG" && strategy != "AVG_BY_CIRCLE" {
		return nil
	}
	return pop.Share(n, len(ids), at, others, func(at int) []int { return allocate(strategy, n, ids, ids[at]) })
}
