package nameserver

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// routes is all that brokers have registered. Look-ups are many and changes
// few: answers to look-ups are kept encoded until something changes in them.
type routes struct {
	maxMembers, maxEntries int
	maxEncoded             int
	deleteMissing          bool
	orderConf              func(topic string) string

	mu      sync.RWMutex
	groups  map[string]*group                         // by brokerName
	topics  map[string]map[string]discovery.QueueData // by topic, then brokerName; no inner map is empty
	encoded map[string][]byte                         // answers to look-ups, by topic; each is never written to
	kept    int                                       // bytes put into encoded since it was empty, or more
	members int                                       // in all groups
	entries int                                       // in all inner maps of topics
	changed bool                                      // since it was saved
}

// A group is the master and slaves of one brokerName; it has at least one
// member.
type group struct {
	cluster string
	acting  bool // 5.x: enableActingMaster, handed through to clients
	members map[int64]*member
	topics  int // that it has a share of
}

// A member is one registered broker.
type member struct {
	addr, ha string
	cluster  string
	version  table.DataVersion // of the last full table
	conn     *remoting.Conn    // that it registered on last; nil since a restart
	from     netip.Addr        // the source of conn; zero: this machine
	seen     time.Time         // with monotonic clock
	heard    time.Time         // likewise, from where it registered; until then others may not have its address
	timeout  time.Duration     // how long after seen it counts as alive
}

// Bounds of the answers that are kept, in bytes: encoding one anew takes some
// microseconds for each broker in it.
const (
	leastEncoded = 8 << 20
	encodedEach  = 210 // for each topic of a broker that there is room for
)

func newRoutes() *routes {
	return &routes{
		groups:  make(map[string]*group),
		topics:  make(map[string]map[string]discovery.QueueData),
		encoded: make(map[string][]byte),
	}
}

// find returns the member of brokerName at addr, or nil.
func (r *routes) find(brokerName, addr string) *member {
	if g := r.groups[brokerName]; g != nil {
		for _, m := range g.members {
			if m.addr == addr {
				return m
			}
		}
	}
	return nil
}

// remove drops a member and, with the last one, all that is known of its
// brokerName.
func (r *routes) remove(brokerName string, id int64) {
	g := r.groups[brokerName]
	delete(g.members, id)
	r.members--
	r.changed = true
	clear(r.encoded)
	if len(g.members) > 0 {
		return
	}
	delete(r.groups, brokerName)
	for topic := range r.topics {
		r.dropEntry(topic, brokerName)
	}
}

// putEntry reports whether there was room for q, of a brokerName that is there.
func (r *routes) putEntry(topic string, q discovery.QueueData) bool {
	shares := r.topics[topic]
	if _, ok := shares[q.BrokerName]; !ok {
		if r.entries >= r.maxEntries {
			return false
		}
		r.entries++
		r.groups[q.BrokerName].topics++
	}
	if shares == nil {
		shares = make(map[string]discovery.QueueData, 1)
		r.topics[topic] = shares
	}
	shares[q.BrokerName] = q
	r.changed = true
	delete(r.encoded, topic)
	return true
}

func (r *routes) dropEntry(topic, brokerName string) {
	shares := r.topics[topic]
	if _, ok := shares[brokerName]; !ok {
		return
	}
	delete(shares, brokerName)
	r.entries--
	if g := r.groups[brokerName]; g != nil { // it is gone where its last member was removed
		g.topics--
	}
	r.changed = true
	delete(r.encoded, topic)
	if len(shares) == 0 {
		delete(r.topics, topic)
	}
}

// lookup returns the route of topic as JSON, which must not be written to.
func (r *routes) lookup(topic string) ([]byte, bool) {
	r.mu.RLock()
	enc, ok := r.encoded[topic]
	_, known := r.topics[topic]
	r.mu.RUnlock()
	if ok || !known {
		return enc, ok
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	enc, ok = r.encode(topic)
	if ok {
		if r.kept += len(enc); r.kept > r.maxEncoded {
			clear(r.encoded)
			r.kept = len(enc)
		}
		r.encoded[topic] = enc
	}
	return enc, ok
}

func (r *routes) encode(topic string) ([]byte, bool) {
	shares, ok := r.topics[topic]
	if !ok {
		return nil, false
	}
	route := discovery.TopicRouteData{
		BrokerDatas:       []discovery.BrokerData{},
		FilterServerTable: map[string][]string{},
		OrderTopicConf:    r.orderConf(topic),
		QueueDatas:        []discovery.QueueData{},
	}
	for _, brokerName := range slices.Sorted(maps.Keys(shares)) {
		route.BrokerDatas = append(route.BrokerDatas, r.brokerData(brokerName))
		route.QueueDatas = append(route.QueueDatas, shares[brokerName])
	}
	enc, err := route.Encode()
	return enc, err == nil
}

// forget makes the next look-up of topic encode its route anew.
func (r *routes) forget(topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.encoded, topic)
}

// brokerData describes a brokerName, which has an empty one if it is unknown.
func (r *routes) brokerData(brokerName string) discovery.BrokerData {
	b := discovery.BrokerData{BrokerName: brokerName, BrokerAddrs: map[int64]string{}}
	if g := r.groups[brokerName]; g != nil {
		b.Cluster, b.EnableActingMaster = g.cluster, g.acting
		for id, m := range g.members {
			b.BrokerAddrs[id] = m.addr
		}
	}
	return b
}
