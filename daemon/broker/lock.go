package broker

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"pairmq/internal/acl"
	"pairmq/internal/remoting"
)

// lockTime is how long a queue lock lasts without being renewed. The client that
// has it believes in it for 30 s.
const lockTime = 60 * time.Second

// A queueLock gives one client of a group a queue for orderly consumption. It
// outlives the client's connection: one that reconnects goes on with it.
type queueLock struct {
	client string
	until  time.Time
}

// cost is what a lock counts for in lockTable.cost.
func (l *queueLock) cost() int { return 1 + len(l.client)/128 }

// maxLocks bounds lockTable.cost, at some 200 bytes each: as many locks as a broker with
// thousands of queues needs. Locks are of any group, and strangers can make up groups.
const maxLocks = 50_000

// A lockTable is the queue locks of all groups.
type lockTable struct {
	mu     sync.Mutex // guards the rest
	groups map[string]map[queueKey]queueLock
	cost   int // of all: one each, more for a client with a long name
	most   int
}

func newLockTable() *lockTable {
	return &lockTable{groups: map[string]map[queueKey]queueLock{}, most: maxLocks}
}

// lock locks or renews those of keys that no other client of group has, and for which
// there is room, and returns which.
func (t *lockTable) lock(group, client string, keys []queueKey, now time.Time) (locked []bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[group]
	if g == nil {
		g = map[queueKey]queueLock{}
		t.groups[group] = g
	}
	for _, k := range keys {
		l, ok := g[k]
		next := queueLock{client, now.Add(lockTime)}
		cost := next.cost()
		if ok {
			cost -= l.cost()
		}
		mine := !ok || l.client == client || !now.Before(l.until)
		if mine = mine && (cost <= 0 || t.cost+cost <= t.most); mine {
			g[k] = next
			t.cost += cost
		}
		locked = append(locked, mine)
	}
	if len(g) == 0 {
		delete(t.groups, group)
	}
	return locked
}

// unlock gives up those of keys that client has.
func (t *lockTable) unlock(group, client string, keys []queueKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[group]
	for _, k := range keys {
		if l := g[k]; l.client == client {
			t.drop(g, k, l)
		}
	}
	if len(g) == 0 {
		delete(t.groups, group)
	}
}

// expire forgets the locks whose time is over.
func (t *lockTable) expire(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, g := range t.groups {
		for k, l := range g {
			if !now.Before(l.until) {
				t.drop(g, k, l)
			}
		}
		if len(g) == 0 {
			delete(t.groups, name)
		}
	}
}

// drop forgets l, the lock of k, which may be none.
func (t *lockTable) drop(g map[queueKey]queueLock, k queueKey, l queueLock) {
	if _, ok := g[k]; ok {
		delete(g, k)
		t.cost -= l.cost()
	}
}

// held says whether anybody in group holds a lock: its consumers are orderly.
func (t *lockTable) held(group string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for _, l := range t.groups[group] {
		if now.Before(l.until) {
			return true
		}
	}
	return false
}

type lockBody struct {
	Group  string         `json:"consumerGroup"`
	Client string         `json:"clientId"`
	Queues []messageQueue `json:"mqSet"`
}

// readLock reads the body of a lock request. Queues that are not there are left
// out, so that nobody fills the table with them.
func (b *Broker) readLock(req *remoting.Request) (body lockBody, keys []queueKey, err error) {
	if err := b.decodeJSON(req.Body, &body); err != nil {
		return body, nil, err
	}
	if body.Client == "" || len(body.Client) > maxClientID {
		return body, nil, refuse(remoting.RespSystemError, "a clientId of %d bytes; 1 to %d are allowed", len(body.Client), maxClientID)
	}
	if err := mayGroup(req, body.Group); err != nil {
		return body, nil, err
	}
	for _, q := range body.Queues {
		if err := mayTopic(req, q.Topic, acl.Sub); err != nil {
			return body, nil, err
		}
	}
	if _, err := b.group(body.Group); err != nil {
		return body, nil, err
	}
	body.Queues = slices.DeleteFunc(body.Queues, func(q messageQueue) bool {
		t, ok := b.store.Topic(q.Topic)
		return !ok || q.QueueID < 0 || q.QueueID >= queuesOf(&t)
	})
	for _, q := range body.Queues {
		t, _ := b.store.Topic(q.Topic)
		keys = append(keys, queueKey{cmp.Or(t.Name, q.Topic), q.QueueID}) // the table's own text of the name
	}
	return body, keys, nil
}

// lockQueues serves LOCK_BATCH_MQ, 41.
func (b *Broker) lockQueues(req *remoting.Request) error {
	body, keys, err := b.readLock(req)
	if err != nil {
		return err
	}
	ok := []messageQueue{}
	for i, locked := range b.locks.lock(body.Group, body.Client, keys, time.Now()) {
		if locked {
			ok = append(ok, body.Queues[i])
		}
	}
	return replyJSON(req, map[string][]messageQueue{"lockOKMQSet": ok})
}

// unlockQueues serves UNLOCK_BATCH_MQ, 42.
func (b *Broker) unlockQueues(req *remoting.Request) error {
	body, keys, err := b.readLock(req)
	if err != nil {
		return err
	}
	b.locks.unlock(body.Group, body.Client, keys)
	replyDone(req)
	return nil
}
