package nameserver

//go:generate go tool -modfile=../../tools/toolchain/go.mod msgp -file state.go -o state_gen.go -io=false -tests=false

import (
	"fmt"
	"time"

	"pairmq/discovery"
	"pairmq/store/table"
)

//msgp:limit arrays:1000000 maps:100000

// A State is what a name server knows, to be kept over a restart: without it
// nobody has a route until brokers have registered again.
type State struct {
	Brokers  []BrokerState `msg:"brokers"`
	Topics   []TopicState  `msg:"topics"`
	Settings KV            `msg:"settings"`
}

// A BrokerState is one registered broker.
type BrokerState struct {
	Cluster       string            `msg:"cluster"`
	BrokerName    string            `msg:"name"`
	BrokerID      int64             `msg:"id"`
	Addr          string            `msg:"addr"`
	HAServerAddr  string            `msg:"ha"`
	ActingMaster  bool              `msg:"acting"` // of its brokerName
	Version       table.DataVersion `msg:"version"`
	TimeoutMillis int64             `msg:"timeout"` // of silence, after which it counts as gone
}

// A TopicState is one brokerName's share of a topic.
type TopicState struct {
	Topic          string `msg:"topic"`
	BrokerName     string `msg:"broker"`
	Perm           int32  `msg:"perm"`
	SysFlag        int32  `msg:"flag"`
	ReadQueueNums  int32  `msg:"read"`
	WriteQueueNums int32  `msg:"write"`
}

// KV is the key-value settings: values by namespace and key.
type KV map[string]map[string]string

const (
	// saveEvery is how often what brokers have changed is saved, and saveRate how
	// many topics, a second of waiting for each: all are written every time.
	saveEvery = 2 * time.Second
	saveRate  = 10_000
	// returnTime is how long brokers of before a restart have to come back: they
	// register every 60 s at the latest, most at once, since their connection has ended.
	returnTime = 75 * time.Second
)

// snapshot adds all brokers and their topics to st.
func (r *routes) snapshot(st *State) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for name, g := range r.groups {
		for id, m := range g.members {
			st.Brokers = append(st.Brokers, BrokerState{
				Cluster: m.cluster, BrokerName: name, BrokerID: id, Addr: m.addr, HAServerAddr: m.ha, ActingMaster: g.acting,
				Version: m.version, TimeoutMillis: m.timeout.Milliseconds(),
			})
		}
	}
	for topic, shares := range r.topics {
		for _, q := range shares {
			st.Topics = append(st.Topics, TopicState{
				Topic: topic, BrokerName: q.BrokerName, Perm: q.Perm, SysFlag: q.TopicSysFlag, ReadQueueNums: q.ReadQueueNums, WriteQueueNums: q.WriteQueueNums,
			})
		}
	}
}

// restore takes over the brokers of st, as far as there is room. They are
// dropped unless they return in time.
func (r *routes) restore(st *State, now time.Time) {
	for i := range st.Brokers {
		b := &st.Brokers[i]
		if r.members == r.maxMembers {
			break
		}
		g := r.groups[b.BrokerName]
		if g == nil {
			g = &group{members: make(map[int64]*member, 1)}
			r.groups[b.BrokerName] = g
		}
		if g.cluster == "" || b.BrokerID == discovery.MasterID {
			g.cluster, g.acting = b.Cluster, b.ActingMaster
		}
		g.members[b.BrokerID] = &member{
			addr: b.Addr, ha: b.HAServerAddr, cluster: b.Cluster, version: b.Version, seen: now, heard: now,
			timeout: min(time.Duration(b.TimeoutMillis)*time.Millisecond, returnTime),
		}
		r.members++
	}
	for i := range st.Topics {
		t := &st.Topics[i]
		if r.groups[t.BrokerName] == nil {
			continue
		}
		r.putEntry(t.Topic, discovery.QueueData{
			BrokerName: t.BrokerName, Perm: t.Perm, TopicSysFlag: t.SysFlag, ReadQueueNums: t.ReadQueueNums, WriteQueueNums: t.WriteQueueNums,
		})
	}
	r.changed = false
}

// takeChanged says whether anything that is saved has changed since it was asked last.
func (r *routes) takeChanged() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := r.changed
	r.changed = false
	return changed
}

// saveIfChanged saves what brokers have changed. A failure is logged once, and
// tried again.
func (s *Server) saveIfChanged() {
	if s.opts.Save == nil || !s.routes.takeChanged() {
		return
	}
	s.saved = time.Now()
	s.kv.mu.Lock()
	err := s.save(s.kv.load())
	s.kv.mu.Unlock()
	if err != nil {
		s.routes.mu.Lock()
		s.routes.changed = true
		s.routes.mu.Unlock()
	}
	if failing := err != nil; failing != s.failing {
		s.failing = failing
		if failing {
			s.opts.Log.Error("cannot save what brokers registered: after a restart of this name server they have to come back first", "err", err)
		} else {
			s.opts.Log.Info("saving works again")
		}
	}
}

// saveDue says whether enough time has passed since the last save.
func (s *Server) saveDue() bool {
	s.routes.mu.RLock()
	wait := time.Duration(s.routes.entries) * time.Second / saveRate
	s.routes.mu.RUnlock()
	return time.Since(s.saved) >= wait
}

// save saves everything, with these settings; kv.mu is held.
func (s *Server) save(settings KV) error {
	st := State{Settings: settings}
	s.routes.snapshot(&st)
	if err := s.opts.Save(&st); err != nil {
		return fmt.Errorf("save the name server's state: %w", err)
	}
	return nil
}
