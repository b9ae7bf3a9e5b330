package broker

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
	"pairmq/store/table"
)

// A fakeStore keeps everything in memory, by the rules of package store.
type fakeStore struct {
	mu      sync.Mutex
	topics  map[string]table.Topic
	groups  map[string]table.Group
	queues  map[queueKey]*fakeQueue
	offsets map[string]map[queueKey]table.Offset
	deleted map[string]int64
	end     int64
	quotas  []store.TopicQuota
	now     int64 // store timestamp of the next message, ms
	writes  int   // of tables
	rewound atomic.Int64

	putErr   error                 // what Put returns
	doneErr  error                 // what it tells done
	held     chan func(error)      // if set, gets done instead of its being called
	getErr   error                 // what Get returns
	getRes   *store.Result         // if set, what Get returns
	slow     time.Duration         // of a change of tables
	tableErr error                 // what changes of tables return
	arrived  func([]store.Arrival) // if set, told of each Put
	stale    bool                  // the next Get sees nothing
	gets     int
	cleaned  int
	modes    []byte // JSON
	notes    map[string][]byte
	recalled []int64 // what RecalledTimers returns
	reading  func()  // if set, called while a record is read
}

type fakeQueue struct {
	min  int64
	msgs []record.Message // from min on
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		topics: map[string]table.Topic{}, groups: map[string]table.Group{}, queues: map[queueKey]*fakeQueue{},
		offsets: map[string]map[queueKey]table.Offset{}, deleted: map[string]int64{}, notes: map[string][]byte{}, now: 1_795_404_113_000,
	}
}

var fakeHost = netip.MustParseAddrPort("127.0.0.1:20911")

func (s *fakeStore) Put(ms []record.Message, done func(error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.putErr != nil {
		return s.putErr
	}
	k := queueKey{ms[0].Topic, ms[0].QueueID}
	q := s.queues[k]
	if q == nil {
		q = &fakeQueue{}
		s.queues[k] = q
	}
	var arrivals []store.Arrival
	for i := range ms {
		m := &ms[i]
		m.StoreHost = fakeHost
		size, err := record.Size(m)
		if err != nil {
			return err
		}
		m.PhyOffset, m.StoreTimestamp, m.QueueOffset = s.end, s.now, q.min+int64(len(q.msgs))
		s.end += int64(size)
		kept := *m
		kept.Body = slices.Clone(m.Body)
		q.msgs = append(q.msgs, kept)
		tags, _ := record.Property(m.Properties, record.PropertyTags)
		arrivals = append(arrivals, store.Arrival{Topic: m.Topic, QueueID: m.QueueID, QueueOffset: m.QueueOffset, TagsCode: record.TagsCode(tags)})
	}
	switch arrived := s.arrived; {
	case s.held != nil:
		s.held <- done
	default:
		err := s.doneErr
		go func() {
			if arrived != nil {
				arrived(arrivals)
			}
			done(err)
		}()
	}
	return nil
}

func (s *fakeStore) Get(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f store.Filter) (store.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	if s.getErr != nil {
		return store.Result{}, s.getErr
	}
	if s.getRes != nil {
		return *s.getRes, nil
	}
	q := s.queues[queueKey{topic, queueID}]
	if q == nil || s.stale {
		s.stale = false
		return store.Result{Status: store.NoMatchedLogicQueue}, nil
	}
	end := q.min + int64(len(q.msgs))
	r := store.Result{NextBeginOffset: offset, MinOffset: q.min, MaxOffset: end}
	switch {
	case end == 0:
		r.Status, r.NextBeginOffset = store.NoMessageInQueue, 0
	case offset < q.min:
		r.Status, r.NextBeginOffset = store.OffsetTooSmall, q.min
	case offset == end:
		r.Status = store.OffsetOverflowOne
	case offset > end:
		r.Status, r.NextBeginOffset = store.OffsetOverflowBadly, end
	default:
		r.Status = store.NoMatchedMessage
		for _, m := range q.msgs[offset-q.min:] {
			tags, _ := record.Property(m.Properties, record.PropertyTags)
			by, looks := f.(store.PropertyFilter)
			if f == nil || f.Match(record.TagsCode(tags)) && (!looks || by.MatchProperties([]byte(m.Properties))) {
				if n, _ := record.Size(&m); r.Count == max(maxMsgs, 1) || r.Count > 0 && len(r.Body)+n > maxBytes {
					break
				}
				r.Status, r.Body, r.Count = store.Found, record.Append(r.Body, &m), r.Count+1
			}
			r.NextBeginOffset = m.QueueOffset + 1
		}
	}
	return r, nil
}

func (s *fakeStore) GetWithin(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f store.Filter, room store.Room) (store.Result, error) {
	r, err := s.Get(topic, queueID, offset, maxMsgs, maxBytes, f)
	if err == nil && r.Status == store.Found {
		err = room.Reserve(len(r.Body))
	}
	return r, err
}

func (s *fakeStore) MinOffset(topic string, queueID int32) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[queueKey{topic, queueID}]; q != nil {
		return q.min
	}
	return 0
}

func (s *fakeStore) MaxOffset(topic string, queueID int32) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[queueKey{topic, queueID}]; q != nil {
		return q.min + int64(len(q.msgs))
	}
	return 0
}

func (s *fakeStore) OffsetByTime(topic string, queueID int32, timestamp int64, upper bool) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[queueKey{topic, queueID}]
	if q == nil {
		return 0, nil
	}
	n := int64(0)
	for _, m := range q.msgs {
		if m.StoreTimestamp < timestamp || upper && m.StoreTimestamp == timestamp {
			n++
		}
	}
	if upper {
		n = max(n-1, 0)
	}
	return q.min + n, nil
}

func (s *fakeStore) StoreTimestamp(topic string, queueID int32, queueOffset int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[queueKey{topic, queueID}]
	if q == nil || queueOffset < q.min || queueOffset >= q.min+int64(len(q.msgs)) {
		return -1, nil
	}
	return q.msgs[queueOffset-q.min].StoreTimestamp, nil
}

func (s *fakeStore) RecordAt(phyOffset int64) ([]byte, error) { return s.RecordWithin(phyOffset, nil) }

func (s *fakeStore) RecordWithin(phyOffset int64, room store.Room) ([]byte, error) {
	rec, reading := s.recordAt(phyOffset)
	if rec == nil {
		return nil, store.ErrNotFound
	}
	if room != nil {
		if err := room.Reserve(len(rec)); err != nil {
			return nil, err
		}
	}
	if reading != nil {
		reading()
	}
	return rec, nil
}

func (s *fakeStore) recordAt(phyOffset int64) (rec []byte, reading func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		for i := range q.msgs {
			if q.msgs[i].PhyOffset == phyOffset {
				return record.Append(nil, &q.msgs[i]), s.reading
			}
		}
	}
	return nil, nil
}

func (s *fakeStore) Query(q store.KeyQuery, room store.Room) (all []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.getErr != nil {
		return nil, s.getErr
	}
	queue := s.queues[queueKey{q.Topic, 0}]
	for i := 0; queue != nil && i < len(queue.msgs); i++ {
		m := &queue.msgs[len(queue.msgs)-1-i]
		id, _ := record.Property(m.Properties, record.PropertyUniqKey)
		words, _ := record.Property(m.Properties, record.PropertyKeys)
		if id != q.Key && (q.Uniq || !slices.Contains(strings.Fields(words), q.Key)) || m.StoreTimestamp < q.Begin || m.StoreTimestamp > q.End || q.Max <= 0 {
			continue
		}
		all, q.Max = append(record.Append(nil, m), all...), q.Max-1
	}
	return all, room.Reserve(len(all))
}

func (s *fakeStore) QueriedTo() (timestamp, phyOffset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.end
}

func (s *fakeStore) Units(topic string, queueID int32, from int64, dst []index.Unit) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[queueKey{topic, queueID}]
	if q == nil || from < q.min {
		return 0
	}
	for _, m := range q.msgs[min(from-q.min, int64(len(q.msgs))):] {
		if n == len(dst) {
			break
		}
		size, _ := record.Size(&m)
		tags, _ := record.Property(m.Properties, record.PropertyTags)
		dst[n], n = index.Unit{PhyOffset: m.PhyOffset, Size: int32(size), TagsCode: record.TagsCode(tags)}, n+1
	}
	return n
}

func (s *fakeStore) Clean(time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleaned++
	return s.getErr
}

func (s *fakeStore) EarliestStoreTimestamp() int64 { return 1_795_404_113_000 }

func (s *fakeStore) Times() *store.Times { return new(store.Times) }

func (s *fakeStore) Stats() store.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return store.Stats{MaxPhyOffset: s.end, VisiblePhyOffset: s.end, DiskTotal: 1000, DiskFree: 770}
}

func (s *fakeStore) Quotas() []store.TopicQuota {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quotas
}

func (s *fakeStore) CommitOffset(group, topic string, queueID int32, offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := queueKey{topic, queueID}
	if o, ok := s.offsets[group][k]; !ok || offset > o.Offset {
		s.setOffset(group, k, offset, o.Version)
	}
}

func (s *fakeStore) setOffset(group string, k queueKey, offset int64, version uint32) {
	if s.offsets[group] == nil {
		s.offsets[group] = map[queueKey]table.Offset{}
	}
	s.offsets[group][k] = table.Offset{Offset: offset, Version: version}
}

func (s *fakeStore) ResetOffsets(all []table.Offset) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range all {
		k := queueKey{o.Topic, o.QueueID}
		s.setOffset(o.Group, k, o.Offset, s.offsets[o.Group][k].Version+1)
	}
	return s.tableErr
}

func (s *fakeStore) RewindOffset(o table.Offset) error {
	s.rewound.Add(1)
	return s.ResetOffsets([]table.Offset{o})
}

func (s *fakeStore) Offset(group, topic string, queueID int32) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.offsets[group][queueKey{topic, queueID}]
	return v.Offset, ok
}

func (s *fakeStore) Offsets(group string) (all []index.GroupOffset) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, v := range s.offsets[group] {
		all = append(all, index.GroupOffset{Topic: k.topic, QueueID: k.queueID, Offset: v.Offset, Version: v.Version})
	}
	slices.SortFunc(all, func(a, b index.GroupOffset) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.QueueID, b.QueueID))
	})
	return all
}

func (s *fakeStore) AllOffsets() map[string][]index.GroupOffset {
	s.mu.Lock()
	groups := slices.DeleteFunc(slices.Collect(maps.Keys(s.offsets)), func(g string) bool { return g == "" }) // progress
	s.mu.Unlock()
	all := map[string][]index.GroupOffset{}
	for _, group := range groups {
		all[group] = s.Offsets(group)
	}
	return all
}

func (s *fakeStore) DeleteOffsets(group string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.offsets, group)
	return s.tableErr
}

func (s *fakeStore) Topic(name string) (table.Topic, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.topics[name]
	return t, ok
}

func (s *fakeStore) Topics() (all []table.Topic, v table.DataVersion) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.topics {
		all = append(all, t)
	}
	return all, table.DataVersion{Timestamp: 1, Counter: int64(s.writes)}
}

// setSlow has changes of tables take so long.
func (s *fakeStore) setSlow(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = d
}

func (s *fakeStore) stall() {
	s.mu.Lock()
	d := s.slow
	s.mu.Unlock()
	if d > 0 {
		<-time.After(d)
	}
}

func (s *fakeStore) PutTopic(t table.Topic) error {
	s.stall()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tableErr == nil {
		s.topics[t.Name] = t
		s.writes++
	}
	return s.tableErr
}

func (s *fakeStore) DeleteTopic(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.topics, name)
	maps.DeleteFunc(s.queues, func(k queueKey, _ *fakeQueue) bool { return k.topic == name })
	for _, of := range s.offsets {
		maps.DeleteFunc(of, func(k queueKey, _ table.Offset) bool { return k.topic == name })
	}
	s.deleted[name] = s.end
	return s.tableErr
}

func (s *fakeStore) Deleted() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.deleted)
}

func (s *fakeStore) Group(name string) (table.Group, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups[name]
	return g, ok
}

func (s *fakeStore) Groups() (all []table.Group, v table.DataVersion) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		all = append(all, g)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name }) // as the store's
	return all, table.DataVersion{Timestamp: 1, Counter: int64(s.writes)}
}

func (s *fakeStore) PutGroup(g table.Group) error {
	s.stall()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tableErr == nil {
		s.groups[g.Name] = g
		s.writes++
	}
	return s.tableErr
}

func (s *fakeStore) DeleteGroup(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.groups, name)
	return s.tableErr
}

func (s *fakeStore) CommitProgress(topic string, queueID int32, offset int64) {
	s.CommitOffset("", topic, queueID, offset)
}

func (s *fakeStore) Progress(topic string, queueID int32) (int64, bool) {
	return s.Offset("", topic, queueID)
}

func (s *fakeStore) ResetProgress(topic string, queueID int32, offset int64) error {
	return s.ResetOffsets([]table.Offset{{Topic: topic, QueueID: queueID, Offset: offset}})
}

func (s *fakeStore) AllProgress() []index.GroupOffset { return s.Offsets("") }

func (s *fakeStore) End() int64     { return s.Stats().MaxPhyOffset }
func (s *fakeStore) Durable() int64 { return s.Stats().MaxPhyOffset }

func (s *fakeStore) NewestStoreTimestamp() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *fakeStore) FindUnique(topic, key string, since int64, limit int) (all []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, q := range s.queues {
		for i := range q.msgs {
			m := &q.msgs[i]
			if got, _ := record.Property(m.Properties, record.PropertyUniqKey); k.topic == topic && got == key && m.StoreTimestamp >= since && len(all) < limit {
				all = append(all, m.PhyOffset)
			}
		}
	}
	return all
}

func (s *fakeStore) RequestModes() (table.RequestModes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := table.RequestModes{}
	if s.modes == nil {
		return all, nil
	}
	return all, json.Unmarshal(s.modes, &all)
}

func (s *fakeStore) SetRequestModes(all table.RequestModes) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tableErr == nil {
		s.modes, err = json.Marshal(all)
	}
	return cmp.Or(s.tableErr, err)
}

func (s *fakeStore) Notes() (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.notes), s.tableErr
}

func (s *fakeStore) SetNotes(notes map[string][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, value := range notes {
		if value == nil {
			delete(s.notes, key)
		} else {
			s.notes[key] = value
		}
	}
	return s.tableErr
}

// stored returns the messages of a queue.
func (s *fakeStore) stored(topic string, queueID int32) []record.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[queueKey{topic, queueID}]; q != nil {
		return slices.Clone(q.msgs)
	}
	return nil
}

func (s *fakeStore) TimerState() (index.TimerState, error)                   { return index.TimerState{}, nil }
func (s *fakeStore) NextTimers(int, index.Timer, int) ([]index.Timer, error) { return nil, nil }
func (s *fakeStore) ChangeTimers(*index.TimerChange) error                   { return nil }
func (s *fakeStore) ForgetTimers() error                                     { return nil }
func (s *fakeStore) OldestTimers(int) ([]index.LaneTimer, error)             { return nil, nil }
func (s *fakeStore) RecalledTimers() ([]int64, error)                        { return s.recalled, nil }
func (s *fakeStore) Need(int64)                                              {}
func (s *fakeStore) GoesNext() (int64, bool)                                 { return 0, false }
func (s *fakeStore) Going() <-chan struct{}                                  { return nil }
func (s *fakeStore) Start() int64                                            { return 0 }
func (s *fakeStore) SegmentSize() int64                                      { return 1 << 20 }
func (s *fakeStore) PutAnew(ms []record.Message, done func(error)) error     { return s.Put(ms, done) }
