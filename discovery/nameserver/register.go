package nameserver

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// Bounds of what a topic may claim.
const (
	maxQueues = 1 << 16
	maxPerm   = 0xf // inherit, write, read, priority
)

var (
	errIncrement = errors.New("an unknown broker's first registration has exactly one topic: register the whole table first")
	errStale     = errors.New("another broker has this brokerId with a newer state version")
	errFull      = errors.New("too many brokers")
	errTopics    = errors.New("topics were not taken")
	errTaken     = errors.New("a broker from elsewhere is registered with this address, and lives")
)

// A registration is a broker's request 103.
type registration struct {
	cluster, brokerName string
	brokerID            int64
	addr, ha            string
	acting              bool
	timeout             time.Duration
	body                discovery.RegisterBody
	conn                *remoting.Conn
	from                netip.Addr // the source of conn
	counts              netip.Addr // for whose share it counts; zero: nobody's
	now                 time.Time
}

// registered is what changed, and what a slave is told of its master.
type registered struct {
	master, masterHA string
	fresh            bool   // the broker was not known
	movedFrom        string // its brokerId was at this address before
	lived            bool   // which had been heard of within its time
}

// register takes reg over. It fails with errIncrement, errStale, errTaken and errFull,
// when nothing has changed, and with errTopics if all was taken over but some
// topics, whose names or numbers are bad or for which there is no room.
func (r *routes) register(reg *registration) (registered, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.memberOf(reg)
	if err := r.admit(reg, known); err != nil {
		return registered{}, err
	}
	var out registered
	changed := known == nil || known.addr != reg.addr || known.version != reg.body.Version
	switch {
	case known == nil:
		out.fresh = true
	case known.addr != reg.addr:
		out.movedFrom, out.lived = known.addr, reg.now.Sub(known.seen) < known.timeout
	}
	g := r.join(reg, known)
	if reg.brokerID == discovery.MasterID {
		return out, r.takeTopics(reg, changed)
	}
	if m := g.members[discovery.MasterID]; m != nil {
		out.master, out.masterHA = m.addr, m.ha
	}
	return out, nil
}

func (r *routes) memberOf(reg *registration) *member {
	if g := r.groups[reg.brokerName]; g != nil {
		return g.members[reg.brokerID]
	}
	return nil
}

func (r *routes) admit(reg *registration, known *member) error {
	switch {
	case known == nil && len(reg.body.Topics) == 1:
		return errIncrement
	case known != nil && known.addr != reg.addr && known.version.StateVersion > reg.body.Version.StateVersion &&
		reg.now.Sub(known.seen) < known.timeout:
		return fmt.Errorf("%w: %s has %d, %s has %d", errStale,
			known.addr, known.version.StateVersion, reg.addr, reg.body.Version.StateVersion)
	}
	if m := r.find(reg.brokerName, reg.addr); m != nil && m != known && !m.owns(reg.from) && reg.now.Sub(m.heard) < m.timeout {
		return fmt.Errorf("%w: %s", errTaken, reg.addr) // else it would be out of all routes
	}
	if known == nil {
		return r.fits(reg.counts)
	}
	return nil
}

// join makes reg's broker a member of its group, in place of known and of
// whatever else was at its address.
func (r *routes) join(reg *registration, known *member) *group {
	g := r.groups[reg.brokerName]
	if g == nil {
		g = &group{cluster: reg.cluster, members: make(map[int64]*member, 1)}
		r.groups[reg.brokerName] = g
	}
	for id, m := range g.members {
		if m.addr == reg.addr && id != reg.brokerID { // a slave became master, or the other way round
			delete(g.members, id)
			r.members--
			clear(r.encoded)
		}
	}
	if known == nil {
		r.members++
	}
	next := &member{
		addr: reg.addr, ha: reg.ha, cluster: reg.cluster, version: reg.body.Version,
		conn: reg.conn, from: reg.from, seen: reg.now, heard: reg.now, timeout: reg.timeout,
	}
	if len(reg.body.Topics) == 1 && known != nil {
		next.version = known.version // an increment says nothing of the rest: let the next whole table count as changed
	}
	g.members[reg.brokerID] = next
	if known == nil || known.addr != next.addr || known.ha != next.ha || known.cluster != next.cluster || known.version != next.version || known.timeout != next.timeout {
		r.changed = true
	}
	shown := known != nil && known.addr == next.addr
	if reg.brokerID == discovery.MasterID && (g.cluster != reg.cluster || g.acting != reg.acting) {
		g.cluster, g.acting, shown = reg.cluster, reg.acting, false
	}
	if !shown {
		clear(r.encoded)
	}
	return g
}

// takeTopics takes over a master's table: all of it if it has changed, else
// what is missing here. A table of one topic is an increment.
func (r *routes) takeTopics(reg *registration, changed bool) error {
	refused, first, room := 0, "", r.room(reg.counts)
	for i := range reg.body.Topics {
		t := &reg.body.Topics[i]
		q := discovery.QueueData{
			BrokerName: reg.brokerName, Perm: t.Perm, TopicSysFlag: t.SysFlag,
			ReadQueueNums: t.ReadQueueNums, WriteQueueNums: t.WriteQueueNums,
		}
		old, ok := r.topics[t.Name][reg.brokerName]
		if ok && (!changed || old == q) {
			continue
		}
		if !plausible(t) || !ok && room <= 0 || !r.putEntry(t.Name, q) {
			if refused++; refused == 1 {
				first = t.Name
			}
			continue
		}
		if !ok {
			room--
		}
	}
	if r.deleteMissing && changed && len(reg.body.Topics) != 1 {
		r.dropMissing(reg)
	}
	if refused > 0 {
		return fmt.Errorf("%w: %d of %d, the first %.64q; at most %d are kept of all brokers, and half of that of brokers from one other address", errTopics,
			refused, len(reg.body.Topics), first, r.maxEntries)
	}
	return nil
}

func plausible(t *table.Topic) bool {
	return checkName("topic", t.Name) == nil && t.Perm >= 0 && t.Perm <= maxPerm &&
		t.ReadQueueNums >= 0 && t.ReadQueueNums <= maxQueues &&
		t.WriteQueueNums >= 0 && t.WriteQueueNums <= maxQueues
}

func (r *routes) dropMissing(reg *registration) {
	has := make(map[string]bool, len(reg.body.Topics))
	for i := range reg.body.Topics {
		has[reg.body.Topics[i].Name] = true
	}
	for topic := range r.topics {
		if !has[topic] {
			r.dropEntry(topic, reg.brokerName)
		}
	}
}
