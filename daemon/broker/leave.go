package broker

import (
	"time"

	"pairmq/internal/remoting"
)

// leaveConsumers takes conn out of a consumer group; it says whether it was in.
func (c *clients) leaveConsumers(conn *remoting.Conn, group string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.removeConsumer(conn, group)
}

// leaveProducers takes conn out of a producer group.
func (c *clients) leaveProducers(conn *remoting.Conn, group string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeProducer(conn, group)
}

// closed takes conn out of all groups and returns the consumer groups.
func (c *clients) closed(conn *remoting.Conn) (changed []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.conns[conn]
	if m == nil {
		return nil
	}
	for group := range m.consumers {
		c.removeConsumer(conn, group)
		changed = append(changed, group)
	}
	for group := range m.producers {
		c.removeProducer(conn, group)
	}
	return changed
}

// expire takes out whoever was last seen before limit and returns the consumer
// groups that have changed.
func (c *clients) expire(limit time.Time) (changed []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, g := range c.consumers {
		before := len(g.members)
		for conn, m := range g.members {
			if m.seen.Before(limit) {
				c.removeConsumer(conn, name)
			}
		}
		if len(g.members) < before {
			changed = append(changed, name)
		}
	}
	for name, g := range c.producers {
		for conn, m := range g {
			if m.seen.Before(limit) {
				c.removeProducer(conn, name)
			}
		}
	}
	return changed
}

func (c *clients) removeConsumer(conn *remoting.Conn, group string) bool {
	g := c.consumers[group]
	if g == nil || g.members[conn] == nil {
		return false
	}
	c.gone(conn, g.members[conn])
	delete(g.members, conn)
	delete(c.conns[conn].consumers, group)
	c.tidyConn(conn)
	if len(g.members) == 0 {
		delete(c.consumers, group)
	} else {
		g.tidy()
	}
	return true
}

func (c *clients) removeProducer(conn *remoting.Conn, group string) {
	g := c.producers[group]
	if g[conn] == nil {
		return
	}
	c.gone(conn, g[conn])
	delete(g, conn)
	m := c.conns[conn]
	delete(m.producers, group)
	if len(m.producers) == 0 {
		c.forgetID(conn, m)
	}
	c.tidyConn(conn)
	if len(g) == 0 {
		delete(c.producers, group)
	}
}

// gone gives back what a member of conn has counted for.
func (c *clients) gone(conn *remoting.Conn, m *member) {
	c.cost -= m.cost
	c.each.add(sourceOf(conn), -m.cost)
}

// forgetID forgets the client id of a connection's producers.
func (c *clients) forgetID(conn *remoting.Conn, m *membership) {
	if c.ids[m.id] == conn {
		delete(c.ids, m.id)
	}
	m.id = ""
}

// tidyConn forgets a connection without groups.
func (c *clients) tidyConn(conn *remoting.Conn) {
	if m := c.conns[conn]; len(m.consumers) == 0 && len(m.producers) == 0 {
		delete(c.conns, conn)
	}
}
