package broker

import (
	"sync"
	"time"

	"pairmq/internal/remoting"
)

// committedTime is for how long a consumer is taken for the one that has a queue after it
// committed an offset: they do so every 5 s, and see who has which queue every 20 s.
const committedTime = 30 * time.Second

// maxCommitters is how many queues of all groups are remembered by who committed in them.
// In others every consumer may go back.
const maxCommitters = 10_000

// committers are the connections by which the offsets of queues were committed last.
type committers struct {
	mu  sync.Mutex // guards all
	all map[resetKey]committer
}

type committer struct {
	conn *remoting.Conn
	at   time.Time
}

func newCommitters() *committers { return &committers{all: map[resetKey]committer{}} }

// note keeps group and q's topic.
func (c *committers) note(group string, q queueKey, conn *remoting.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := resetKey{group, q}
	if _, ok := c.all[k]; ok || len(c.all) < maxCommitters {
		c.all[k] = committer{conn, time.Now()}
	}
}

// last is nil if nobody has committed of late.
func (c *committers) last(group string, q queueKey) *remoting.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.all[resetKey{group, q}]
	if time.Since(at.at) >= committedTime {
		return nil
	}
	return at.conn
}

// expire forgets who has not committed of late.
func (c *committers) expire(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, at := range c.all {
		if now.Sub(at.at) >= committedTime {
			delete(c.all, k)
		}
	}
}
