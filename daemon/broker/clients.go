package broker

import (
	"slices"
	"sync"
	"time"

	"pairmq/internal/acl"
	"pairmq/internal/remoting"
	"pairmq/store"
)

// clientTimeout is after how long without a heartbeat a client has left.
const clientTimeout = 120 * time.Second

// A member is one connection in one group.
type member struct {
	id       string // clientID
	language remoting.Language
	version  int32
	seen     time.Time
	topics   []string      // what it subscribes to, as a consumer; sorted
	cost     int           // what it counts for in clients.cost
	who      *acl.Identity // whose it is; nil where nobody is asked
}

// A consumerGroup is the consumers of one group that are online, and what they
// subscribe to: each topic of any member, in the newest version seen. RocketMQ
// takes the topics of the last heartbeat alone, so that members that differ
// push each other's topics out, again and again.
type consumerGroup struct {
	consumeType, messageModel, consumeFrom string
	members                                map[*remoting.Conn]*member
	subscriptions                          map[string]*subscription
}

type producerGroup map[*remoting.Conn]*member

// A membership is the groups of one connection.
type membership struct {
	consumers, producers map[string]struct{}
	id                   string        // the clientID of its producers
	who                  *acl.Identity // whose they are, by their last heartbeat
}

// clients is who is online: what heartbeats have shown, until the connection
// closes, the client leaves, or it has been silent too long.
type clients struct {
	maxGroups, maxMembers, maxCost int
	expressions                    *expressions

	mu        sync.RWMutex // guards the rest
	cost      int          // of all members: one each, one for a topic, more for a long subscription or clientID
	each      portion      // of cost
	consumers map[string]*consumerGroup
	producers map[string]producerGroup
	conns     map[*remoting.Conn]*membership
	ids       map[string]*remoting.Conn // of producers, by clientID: the newest, of the account that had it first
}

func newClients(maxGroups, maxMembers, maxCost int, e *expressions) *clients {
	return &clients{
		maxGroups: maxGroups, maxMembers: maxMembers, maxCost: maxCost, expressions: e, each: newPortion(maxCost),
		consumers: map[string]*consumerGroup{}, producers: map[string]producerGroup{}, conns: map[*remoting.Conn]*membership{},
		ids: map[string]*remoting.Conn{},
	}
}

// filter returns the filter of a group's subscription to a topic, of which the
// client knows version. It refuses with the codes on which clients try again:
// the first pulls of a consumer often overtake its heartbeat.
func (c *clients) filter(group, topic string, version int64, broadcast bool) (store.Filter, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	g := c.consumers[group]
	if g == nil {
		return nil, refuse(remoting.RespSubscriptionNotExist, "no consumer of group %.255s is known", group)
	}
	if !broadcast && g.messageModel == "BROADCASTING" {
		return nil, refuse(remoting.RespNoPermission, "subscription group %s may not consume by broadcast", group)
	}
	s := g.subscriptions[topic]
	switch {
	case s == nil:
		return nil, refuse(remoting.RespSubscriptionNotExist, "group %s does not subscribe to topic %s", group, topic)
	case s.data.SubVersion < version:
		return nil, refuse(remoting.RespSubscriptionNotLatest, "the subscription of group %s to topic %s is version %d, the client has %d", group, topic, s.data.SubVersion, version)
	}
	return s.filter, s.broken
}

// join adds or refreshes a consumer and its subscriptions. It says whether the
// group's members or topics have become others.
func (c *clients) join(conn *remoting.Conn, m member, d *consumerData) (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.consumers[d.GroupName]
	if g == nil {
		if len(c.consumers) >= c.maxGroups {
			return false, refuse(remoting.RespSystemBusy, "%d consumer groups are online, no more are allowed", len(c.consumers))
		}
		g = &consumerGroup{members: map[*remoting.Conn]*member{}, subscriptions: map[string]*subscription{}}
		c.consumers[d.GroupName] = g
	}
	old, err := c.admit(g.members, conn, &m)
	if err != nil {
		return false, err
	}
	g.consumeType, g.messageModel, g.consumeFrom = d.ConsumeType, d.MessageModel, d.ConsumeFromWhere
	if d.keepsSubscription && old != nil {
		m.topics = old.topics
	}
	c.of(conn).consumers[d.GroupName] = struct{}{}
	changed = c.subscribe(g, d)
	if old != nil && !slices.Equal(old.topics, m.topics) && g.tidy() {
		changed = true
	}
	return changed || old == nil || old.id != m.id, nil
}

// admit puts m, or its newer state, into members and returns the older one.
func (c *clients) admit(members map[*remoting.Conn]*member, conn *remoting.Conn, m *member) (old *member, err error) {
	cost := m.cost
	if old = members[conn]; old != nil {
		cost -= old.cost
	}
	switch {
	case old == nil && len(members) >= c.maxMembers:
		return nil, refuse(remoting.RespSystemBusy, "%d clients of one group are online, no more are allowed", len(members))
	case cost > 0 && (c.cost+cost > c.maxCost || !c.each.has(sourceOf(conn), cost)):
		return nil, refuse(remoting.RespSystemBusy, "%d more clients and subscriptions, long ones counted for more, are too many: %d are online", cost, c.cost)
	}
	c.cost += cost
	c.each.add(sourceOf(conn), cost)
	members[conn] = m
	return old, nil
}

// produce adds or refreshes a producer.
func (c *clients) produce(conn *remoting.Conn, m member, group string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.producers[group]
	if g == nil {
		if len(c.producers) >= c.maxGroups {
			return refuse(remoting.RespSystemBusy, "%d producer groups are online, no more are allowed", len(c.producers))
		}
		g = producerGroup{}
		c.producers[group] = g
	}
	if _, err := c.admit(g, conn, &m); err != nil {
		return err
	}
	of := c.of(conn)
	of.producers[group] = struct{}{}
	if of.id != m.id {
		c.forgetID(conn, of)
	}
	of.id, of.who = m.id, m.who
	// Whoever knows a clientID could have its replies otherwise.
	if now := c.ids[m.id]; now == nil || nameOf(c.of(now).who) == nameOf(m.who) {
		c.ids[m.id] = conn
	}
	return nil
}

// nameOf is the account's name, "" where there is none.
func nameOf(who *acl.Identity) string {
	if who == nil {
		return ""
	}
	return who.Name()
}

// of returns the groups of conn.
func (c *clients) of(conn *remoting.Conn) *membership {
	m := c.conns[conn]
	if m == nil {
		m = &membership{consumers: map[string]struct{}{}, producers: map[string]struct{}{}}
		c.conns[conn] = m
	}
	return m
}

// subscribe takes over what is new in a heartbeat; it says whether a topic is.
func (c *clients) subscribe(g *consumerGroup, beat *consumerData) (added bool) {
	for i := range beat.Subscriptions {
		d := &beat.Subscriptions[i]
		old := g.subscriptions[d.Topic]
		if old == nil || d.SubVersion > old.data.SubVersion {
			g.subscriptions[d.Topic] = c.newSubscription(beat.GroupName, d, old)
		}
		added = added || old == nil
	}
	return added
}

// tidy drops the topics to which no member subscribes any more; it says
// whether there were any.
func (g *consumerGroup) tidy() (dropped bool) {
	wanted := make(map[string]bool, len(g.subscriptions))
	for _, m := range g.members {
		for _, t := range m.topics {
			wanted[t] = true
		}
	}
	for t := range g.subscriptions {
		if !wanted[t] {
			delete(g.subscriptions, t)
			dropped = true
		}
	}
	return dropped
}
