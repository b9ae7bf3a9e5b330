package broker

import (
	"encoding/json"
	"slices"
	"strings"

	"pairmq/daemon/broker/pop"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// valueModes is the key of the store's value with the modes that groups were set to.
const valueModes = "messageRequestMode"

// maxModes bounds them.
const maxModes = 4096

// Modes in which a group consumes a topic.
const (
	modePull = "PULL"
	modePop  = "POP"
)

// A requestMode says how a group consumes a topic, as requests 401 and 402 have it.
type requestMode struct {
	Group  string `json:"consumerGroup"`
	Mode   string `json:"mode"`
	Others int    `json:"popShareQueueNum"` // see pop.Share
	Topic  string `json:"topic"`
}

// requestModes are modes by topic and group.
type requestModes map[string]map[string]requestMode

// requestModes returns those that were set.
func (b *Broker) requestModes() (requestModes, error) {
	all := requestModes{}
	if v := b.store.Value(valueModes); v != nil {
		if err := json.Unmarshal(v, &all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// requestMode returns the mode of a group; retry topics are always pulled.
func (b *Broker) requestMode(group, topic string) (requestMode, error) {
	all, err := b.requestModes()
	m, ok := all[topic][group]
	if !ok {
		m.Mode = modePull
	}
	return m, err
}

// setRequestMode serves SET_MESSAGE_REQUEST_MODE, 401; durable when it is answered.
func (b *Broker) setRequestMode(req *remoting.Request) error {
	if err := b.onlyMaster("set modes at the master"); err != nil {
		return err
	}
	var m requestMode
	if err := decodeJSON(req.Body, &m); err != nil {
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
	if m.Mode != modePop && m.Mode != modePull {
		return refuse(remoting.RespInvalidParameter, "there are the modes %s and %s, none is %.20q", modePull, modePop, m.Mode)
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	all, err := b.requestModes()
	if err != nil {
		return err
	}
	n := 0
	for _, groups := range all {
		n += len(groups)
	}
	if n >= maxModes {
		return refuse(remoting.RespSystemError, "%d modes are set, no more are allowed", n)
	}
	if all[m.Topic] == nil {
		all[m.Topic] = map[string]requestMode{}
	}
	all[m.Topic][m.Group] = m
	v, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := b.store.SetValue(valueModes, v); err != nil {
		return err
	}
	b.log.Info("consume mode set", "group", m.Group, "topic", m.Topic, "mode", m.Mode)
	replyDone(req)
	return nil
}

// allRequestModes serves GET_ALL_MESSAGE_REQUEST_MODE, 402, by which slaves of 5.x
// copy which groups pop.
func (b *Broker) allRequestModes(req *remoting.Request) error {
	all, err := b.requestModes()
	if err != nil {
		return err
	}
	return replyJSON(req, map[string]requestModes{"messageRequestModeMap": all})
}

// popQueues returns which queues of n a client of a group pops.
func popQueues(strategy string, n int, ids []string, client string, others int) []int {
	at, ok := slices.BinarySearch(ids, client)
	if !ok || strategy != "AVG" && strategy != "AVG_BY_CIRCLE" {
		return nil
	}
	return pop.Share(n, len(ids), at, others, func(at int) []int { return allocate(strategy, n, ids, ids[at]) })
}
