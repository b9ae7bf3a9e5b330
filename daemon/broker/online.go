package broker

import (
	"context"
	"maps"
	"slices"
	"sort"

	"pairmq/internal/remoting"
)

// A connection is a client as tools are shown it.
type connection struct {
	ClientAddr string `json:"clientAddr"`
	ClientID   string `json:"clientId"`
	Language   string `json:"language"`
	Version    int32  `json:"version"`
}

// consumers is a consumer group as tools are shown it.
type consumers struct {
	Connections      []connection                `json:"connectionSet"`
	ConsumeFromWhere string                      `json:"consumeFromWhere"`
	ConsumeType      string                      `json:"consumeType"`
	MessageModel     string                      `json:"messageModel"`
	Subscriptions    map[string]subscriptionData `json:"subscriptionTable"`
}

// consumerIDs returns the client ids of a group, sorted as Java sorts them;
// clients and this broker allocate queues by that order.
func (c *clients) consumerIDs(group string) []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	g := c.consumers[group]
	if g == nil {
		return nil
	}
	ids := make([]string, 0, len(g.members))
	for _, m := range g.members {
		ids = append(ids, m.id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// consumes says whether a connection is one of a group's consumers.
func (c *clients) consumes(conn *remoting.Conn, group string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	g := c.consumers[group]
	return g != nil && g.members[conn] != nil
}

// broadcasts says whether the consumers of a group each get all messages, and keep
// their offsets themselves.
func (c *clients) broadcasts(group string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	g := c.consumers[group]
	return g != nil && g.messageModel == "BROADCASTING"
}

// consumerConns returns the connections of a group's consumers.
func (c *clients) consumerConns(group string) []*remoting.Conn {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if g := c.consumers[group]; g != nil {
		return slices.Collect(maps.Keys(g.members))
	}
	return nil
}

// clientIDs returns the same with the client id of each.
func (c *clients) clientIDs(group string) map[*remoting.Conn]string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := map[*remoting.Conn]string{}
	if g := c.consumers[group]; g != nil {
		for conn, m := range g.members {
			all[conn] = m.id
		}
	}
	return all
}

// group returns a consumer group that is online.
func (c *clients) group(name string) (consumers, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	g := c.consumers[name]
	if g == nil {
		return consumers{}, false
	}
	all := consumers{
		Connections: connections(g.members), ConsumeFromWhere: g.consumeFrom, ConsumeType: g.consumeType,
		MessageModel: g.messageModel, Subscriptions: make(map[string]subscriptionData, len(g.subscriptions)),
	}
	for topic, s := range g.subscriptions {
		all.Subscriptions[topic] = s.data
	}
	return all, true
}

// producer returns the connection of the producers with a client id, nil if there is
// none.
func (c *clients) producer(clientID string) *remoting.Conn {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.ids[clientID]
}

// producersOf returns a producer group's connections.
func (c *clients) producersOf(group string) []connection {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return connections(c.producers[group])
}

// A producerInfo is a producer as tools are shown it.
type producerInfo struct {
	ClientID   string `json:"clientId"`
	Language   string `json:"language"`
	LastUpdate int64  `json:"lastUpdateTimestamp"` // its last heartbeat, ms
	RemoteIP   string `json:"remoteIP"`            // and port, as Java prints an address
	Version    int32  `json:"version"`
}

// maxProducers is of how many producers a request 328 is told: some 150 bytes of each.
const maxProducers = 20_000

// allProducers returns the producers of every group, and how many they are; if more than
// maxProducers, their number alone.
func (c *clients) allProducers() (all map[string][]producerInfo, count int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, g := range c.producers {
		count += len(g)
	}
	if count > maxProducers {
		return nil, count
	}
	all = make(map[string][]producerInfo, len(c.producers))
	for name, g := range c.producers {
		for conn, m := range g {
			all[name] = append(all[name], producerInfo{m.id, m.language.String(), m.seen.UnixMilli(), "/" + conn.RemoteAddr().String(), m.version})
		}
	}
	return all, count
}

// subscribers returns the consumer groups online that subscribe to a topic.
func (c *clients) subscribers(topic string) (groups []string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for name, g := range c.consumers {
		if g.subscriptions[topic] != nil {
			groups = append(groups, name)
		}
	}
	return groups
}

func connections(members map[*remoting.Conn]*member) []connection {
	all := make([]connection, 0, len(members))
	for conn, m := range members {
		all = append(all, connection{conn.RemoteAddr().String(), m.id, m.language.String(), m.version})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ClientID < all[j].ClientID })
	return all
}

// consumerList serves GET_CONSUMER_LIST_BY_GROUP, 38.
func (b *Broker) consumerList(req *remoting.Request) error {
	group := req.Fields.Get("consumerGroup")
	ids := b.clients.consumerIDs(group)
	if len(ids) == 0 {
		return refuse(remoting.RespSystemError, "no consumer for this group, %.255s", group)
	}
	if err := roomFor(req, len(ids)); err != nil {
		return err
	}
	return replyJSON(req, map[string][]string{"consumerIdList": ids})
}

// consumerConnections serves GET_CONSUMER_CONNECTION_LIST, 203.
func (b *Broker) consumerConnections(req *remoting.Request) error {
	group := req.Fields.Get("consumerGroup")
	all, ok := b.clients.group(group)
	if !ok {
		return refuse(remoting.RespConsumerNotOnline, "no consumer of group %.255s is online", group)
	}
	if err := roomFor(req, len(all.Connections)+len(all.Subscriptions)); err != nil {
		return err
	}
	return replyJSON(req, all)
}

// producerConnections serves GET_PRODUCER_CONNECTION_LIST, 204.
func (b *Broker) producerConnections(req *remoting.Request) error {
	group := req.Fields.Get("producerGroup")
	all := b.clients.producersOf(group)
	if len(all) == 0 {
		return refuse(remoting.RespSystemError, "no producer of group %.255s is online", group)
	}
	if err := roomFor(req, len(all)); err != nil {
		return err
	}
	return replyJSON(req, map[string][]connection{"connectionSet": all})
}

// allProducers serves GET_ALL_PRODUCER_INFO, 328, away from the connections.
func (b *Broker) allProducers(req *remoting.Request) error {
	return b.queries.later(b, req, func(context.Context) error {
		all, count := b.clients.allProducers()
		if count > maxProducers {
			return refuse(remoting.RespSystemError, "there are %d producers, of at most %d all are told: ask for one group after the other", count, maxProducers)
		}
		for _, g := range all {
			sort.Slice(g, func(i, j int) bool { return g[i].ClientID < g[j].ClientID })
		}
		return replyJSON(req, map[string]map[string][]producerInfo{"data": all})
	})
}
