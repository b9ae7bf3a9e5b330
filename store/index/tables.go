package index

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"sort"
	"sync"

	"github.com/tinylib/msgp/msgp"
	"go.etcd.io/bbolt"

	"pairmq/store/table"
)

// tables is the part of the file that is neither units nor offsets, in memory.
// A change is committed first, then shown.
type tables struct {
	mu            sync.RWMutex
	generation    int64 // grows with each change; in the backup too
	topics        map[string]table.Topic
	groups        map[string]table.Group
	topicsVersion table.DataVersion
	groupsVersion table.DataVersion
	values        map[string][]byte
	mark          []byte
}

func (t *tables) reset() {
	t.topics, t.groups, t.values = map[string]table.Topic{}, map[string]table.Group{}, map[string][]byte{}
	t.topicsVersion, t.groupsVersion = table.DataVersion{}, table.DataVersion{}
	t.generation, t.mark = 0, nil
}

func (t *tables) load(tx *bbolt.Tx) (err error) {
	if t.generation, err = number(tx, stateGeneration); err != nil {
		return err
	}
	if t.mark, err = getCopy(tx, bucketState, stateMark); err != nil {
		return err
	}
	return errors.Join(
		getMsgp(tx, stateTopics, &t.topicsVersion),
		getMsgp(tx, stateGroups, &t.groupsVersion),
		each(tx, bucketTopics, func(key, content []byte) error {
			var topic table.Topic
			err := decodeMsgp(content, &topic)
			t.topics[string(key)] = topic
			return err
		}),
		each(tx, bucketGroups, func(key, content []byte) error {
			var group table.Group
			err := decodeMsgp(content, &group)
			t.groups[string(key)] = group
			return err
		}),
		each(tx, bucketValues, func(key, content []byte) error {
			t.values[string(key)] = slices.Clone(content)
			return nil
		}),
	)
}

func getCopy(tx *bbolt.Tx, bucket, key string) ([]byte, error) {
	b, err := get(tx, bucket, []byte(key))
	return slices.Clone(b), err
}

func getMsgp(tx *bbolt.Tx, key string, v msgp.Unmarshaler) error {
	b, err := get(tx, bucketState, []byte(key))
	if b == nil || err != nil {
		return err
	}
	return decodeMsgp(b, v)
}

func putMsgp(tx *bbolt.Tx, bucket, key string, v msgp.Marshaler) error {
	b, err := v.MarshalMsg(nil)
	if err != nil {
		return err
	}
	return put(tx, bucket, []byte(key), b)
}

// Topic returns one topic's configuration.
func (x *Index) Topic(name string) (table.Topic, bool) {
	x.tables.mu.RLock()
	defer x.tables.mu.RUnlock()
	t, ok := x.tables.topics[name]
	return cloneTopic(t), ok
}

// Topics returns every topic, by name, and the version of the table.
func (x *Index) Topics() ([]table.Topic, table.DataVersion) {
	x.tables.mu.RLock()
	defer x.tables.mu.RUnlock()
	topics := make([]table.Topic, 0, len(x.tables.topics))
	for _, t := range x.tables.topics {
		topics = append(topics, cloneTopic(t))
	}
	sort.Slice(topics, func(i, j int) bool { return topics[i].Name < topics[j].Name })
	return topics, x.tables.topicsVersion
}

func cloneTopic(t table.Topic) table.Topic {
	t.Attributes = maps.Clone(t.Attributes)
	return t
}

// PutTopic adds or replaces a topic; see PutTopics.
func (x *Index) PutTopic(t table.Topic) error { return x.PutTopics([]table.Topic{t}) }

// PutTopics adds or replaces topics, all in one commit; they are durable on
// return. Those that are there already as they are to be are not written. If
// all of them are, nothing changes, the table's version neither.
func (x *Index) PutTopics(topics []table.Topic) error {
	x.write.Lock()
	defer x.write.Unlock()
	changed := make([]table.Topic, 0, len(topics))
	for _, t := range topics {
		if old, ok := x.tables.topics[t.Name]; !ok || !equalTopics(old, t) {
			changed = append(changed, cloneTopic(t))
		}
	}
	if len(changed) == 0 {
		return nil
	}
	version := x.tables.topicsVersion.Next(x.opts.Now().UnixMilli())
	return x.changeTables(func(tx *bbolt.Tx) error {
		for i := range changed {
			if err := putMsgp(tx, bucketTopics, changed[i].Name, &changed[i]); err != nil {
				return err
			}
		}
		return putMsgp(tx, bucketState, stateTopics, version)
	}, func(all *tables) {
		for _, t := range changed {
			all.topics[t.Name] = t
		}
		all.topicsVersion = version
	})
}

func equalTopics(a, b table.Topic) bool {
	same := maps.Equal(a.Attributes, b.Attributes)
	a.Attributes, b.Attributes = nil, nil
	return same && a.Name == b.Name && a.ReadQueueNums == b.ReadQueueNums && a.WriteQueueNums == b.WriteQueueNums &&
		a.Perm == b.Perm && a.FilterType == b.FilterType && a.SysFlag == b.SysFlag && a.Order == b.Order
}

// changeTables commits a change with the next generation, then shows it and
// writes the backup. The caller holds write.
func (x *Index) changeTables(commit func(*bbolt.Tx) error, show func(*tables)) error {
	generation := x.tables.generation + 1
	err := x.update(func(tx *bbolt.Tx) error {
		return errors.Join(commit(tx), putNumber(tx, stateGeneration, generation))
	})
	if err != nil {
		return err
	}
	x.tables.mu.Lock()
	x.tables.generation = generation
	show(&x.tables)
	x.tables.mu.Unlock()
	return x.writeBackup()
}

// DeleteTopic forgets a topic, its consume queues and what consumers committed
// for them. A topic of that name made later begins at queue offset 0. logEnd
// (bytes) is the end of the log: what the topic has below is never indexed
// again, also not from a log read anew. Durable on return.
func (x *Index) DeleteTopic(name string, logEnd int64) error {
	x.write.Lock()
	defer x.write.Unlock()
	if err := x.forgetOffsets(forget{topic: name}); err != nil {
		return err
	}
	if !x.hasTopic(name) {
		return nil
	}
	version := x.tables.topicsVersion.Next(x.opts.Now().UnixMilli())
	refs := x.refs(x.queuesOf(name))
	return x.changeTables(func(tx *bbolt.Tx) error {
		return errors.Join(
			deleteQueues(tx, refs),
			tx.Bucket([]byte(bucketTopics)).Delete([]byte(name)),
			put(tx, bucketDeleted, []byte(name), binary.BigEndian.AppendUint64(nil, uint64(logEnd))),
			putNumber(tx, stateNextRef, int64(x.nextRef)),
			putMsgp(tx, bucketState, stateTopics, version))
	}, func(all *tables) {
		delete(all.topics, name)
		all.topicsVersion = version
		x.forgetQueues(name, nil, logEnd)
	})
}

// hasTopic says whether there is anything to delete. The caller holds write.
func (x *Index) hasTopic(name string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	_, configured := x.tables.topics[name]
	return configured || x.topics[name] != nil
}

func deleteQueues(tx *bbolt.Tx, refs []uint32) error {
	for _, ref := range refs {
		if err := tx.Bucket([]byte(bucketQueues)).Delete(binary.BigEndian.AppendUint32(nil, ref)); err != nil {
			return err
		}
	}
	return nil
}

// queuesOf returns the topic's queues.
func (x *Index) queuesOf(topic string) map[int32]*Queue {
	x.mu.RLock()
	defer x.mu.RUnlock()
	queues := map[int32]*Queue{}
	if t := x.topics[topic]; t != nil {
		maps.Copy(queues, t.byID)
	}
	return queues
}

// refs returns the numbers by which chunks know queues.
func (x *Index) refs(queues map[int32]*Queue) (refs []uint32) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, q := range queues {
		if q.ref != 0 {
			refs = append(refs, q.ref)
		}
	}
	return refs
}

// forgetQueues forgets queues of a topic, all of them if queues is nil.
func (x *Index) forgetQueues(topic string, queues map[int32]*Queue, logEnd int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.noteDeleted(topic, logEnd)
	t := x.topics[topic]
	if queues == nil && t != nil {
		queues = t.byID
	}
	for id, q := range queues {
		q.gone, q.sealed, q.mem = true, nil, nil
		delete(x.byRef, q.ref)
		delete(t.byID, id)
	}
	if t != nil && len(t.byID) == 0 {
		delete(x.topics, topic)
	}
}
