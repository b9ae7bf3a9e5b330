package broker

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"pairmq/internal/acl"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// heartbeatData is the body of a heartbeat: all groups of one client.
type heartbeatData struct {
	ClientID  string         `json:"clientID"`
	Producers []producerData `json:"producerDataSet"`
	Consumers []consumerData `json:"consumerDataSet"`
	// 5.x: the subscriptions are left out for they are those of the last
	// heartbeat. Clients do so only with brokers that have offered it.
	WithoutSub, IsWithoutSub bool
}

type producerData struct {
	GroupName string `json:"groupName"`
}

type consumerData struct {
	GroupName        string             `json:"groupName"`
	ConsumeType      string             `json:"consumeType"`
	MessageModel     string             `json:"messageModel"`
	ConsumeFromWhere string             `json:"consumeFromWhere"`
	Subscriptions    []subscriptionData `json:"subscriptionDataSet"`

	keepsSubscription bool
}

// heartbeat serves HEART_BEAT, 34.
func (b *Broker) heartbeat(req *remoting.Request) error {
	var h heartbeatData
	if err := b.decodeJSON(req.Body, &h); err != nil {
		return err
	}
	if h.ClientID == "" || len(h.ClientID) > maxClientID {
		return refuse(remoting.RespSystemError, "a clientID of %d bytes; 1 to %d are allowed", len(h.ClientID), maxClientID)
	}
	if err := checkWord("clientID", h.ClientID, maxClientID); err != nil {
		return err
	}
	for i := range h.Consumers { // all, before any of it counts
		d := &h.Consumers[i]
		if err := mayGroup(req, d.GroupName); err != nil {
			return err
		}
		for k := range d.Subscriptions {
			if err := mayTopic(req, d.Subscriptions[k].Topic, acl.Sub); err != nil {
				return err
			}
		}
	}
	m := member{id: h.ClientID, language: req.Language, version: req.Version, seen: time.Now(), cost: 1 + len(h.ClientID)/128}
	m.who, _ = req.Who.(*acl.Identity)
	for i := range h.Consumers {
		h.Consumers[i].keepsSubscription = h.WithoutSub || h.IsWithoutSub
		if err := b.consumerBeats(req.Conn(), m, &h.Consumers[i]); err != nil {
			return err
		}
	}
	for i := range h.Producers {
		group := h.Producers[i].GroupName
		if err := table.CheckGroupName(group); err != nil {
			return err
		}
		if err := b.clients.produce(req.Conn(), m, group); err != nil {
			return err
		}
	}
	replyDone(req)
	return nil
}

// consumerBeats takes over one consumer of a heartbeat. A group that may not be
// made is listened to all the same: its pulls are refused.
func (b *Broker) consumerBeats(conn *remoting.Conn, m member, d *consumerData) error {
	if err := table.CheckGroupName(d.GroupName); err != nil {
		return err
	}
	if len(d.Subscriptions) > b.opts.MaxSubscriptions {
		return refuse(remoting.RespSystemError, "group %s subscribes to %d topics, at most %d are allowed", d.GroupName, len(d.Subscriptions), b.opts.MaxSubscriptions)
	}
	if err := cmp.Or(checkWord("consumeType", d.ConsumeType, maxWord), checkWord("messageModel", d.MessageModel, maxWord), checkWord("consumeFromWhere", d.ConsumeFromWhere, maxWord)); err != nil {
		return err
	}
	for i := range d.Subscriptions {
		if err := checkWord("expressionType", d.Subscriptions[i].ExpressionType, maxWord); err != nil {
			return err
		}
		if err := table.CheckTopicName(d.Subscriptions[i].Topic); err != nil {
			return err
		}
		d.Subscriptions[i].shorten()
		m.topics = append(m.topics, d.Subscriptions[i].Topic)
		m.cost += d.Subscriptions[i].cost()
	}
	slices.Sort(m.topics)
	if g, err := b.group(d.GroupName); err == nil {
		b.makeRetryTopic(&g)
	} else if !known(err) {
		return err
	}
	changed, err := b.clients.join(conn, m, d)
	if changed {
		b.notices.add([]string{d.GroupName})
	}
	return err
}

// checkWord refuses a text of a client that is kept and shown to others if it is long, or
// has characters that no program writes and that do something to a terminal.
func checkWord(what, text string, most int) error {
	if len(text) > most {
		return refuse(remoting.RespSystemError, "%s has %d bytes, at most %d are allowed", what, len(text), most)
	}
	if i := strings.IndexFunc(text, unicode.IsControl); i >= 0 {
		return refuse(remoting.RespSystemError, "%s %.64q has a control character at byte %d", what, text, i)
	}
	return nil
}

// makeRetryTopic makes the retry topic of a group, to which its consumers
// subscribe in any case. They work without one, so it need not succeed.
func (b *Broker) makeRetryTopic(g *table.Group) {
	if g.RetryQueueNums <= 0 || b.slave() {
		return
	}
	if _, err := b.retryTopic(g); err != nil {
		b.warned.Log("retry topic not made", "topic", table.RetryPrefix+g.Name, "err", err)
	}
}

// unregisterClient serves UNREGISTER_CLIENT, 35.
func (b *Broker) unregisterClient(req *remoting.Request) error {
	if group := req.Fields.Get("producerGroup"); group != "" {
		b.clients.leaveProducers(req.Conn(), group)
	}
	if group := req.Fields.Get("consumerGroup"); group != "" && b.clients.leaveConsumers(req.Conn(), group) {
		b.notices.add([]string{group})
	}
	replyDone(req)
	return nil
}
