package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"

	"go.etcd.io/bbolt"
)

// Deleted returns the topics that were deleted, also those made again since, by
// the logEnd of that, as long as records may lie before it.
func (x *Index) Deleted() map[string]int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return maps.Clone(x.deleted)
}

// DeleteTopicBelow does what DeleteTopic did in another store, of whose log this
// one's is a copy: perhaps long ago, so that the topic may have records behind
// logEnd again. Its queues that have these stay, and so do its settings unless
// settings says that they go. It says whether there was anything to do, which is
// so once for each logEnd. Durable on return. No record may be applied meanwhile.
func (x *Index) DeleteTopicBelow(name string, logEnd int64, settings bool) (done bool, err error) {
	x.write.Lock()
	defer x.write.Unlock()
	x.mu.RLock()
	known := logEnd <= max(x.deleted[name], x.floor)
	x.mu.RUnlock()
	_, configured := x.tables.topics[name]
	settings = settings && configured
	if known && !settings {
		return false, nil
	}
	gone := map[int32]*Queue{}
	if !known {
		if err := x.forgetOffsets(forget{topic: name}); err != nil {
			return false, err
		}
		if gone, err = x.queuesBefore(name, logEnd); err != nil {
			return false, err
		}
	}
	version := x.tables.topicsVersion
	if settings {
		version = version.Next(x.opts.Now().UnixMilli())
	}
	err = x.changeTables(func(tx *bbolt.Tx) error {
		var errs []error
		if !known {
			errs = append(errs, deleteQueues(tx, x.refs(gone)),
				put(tx, bucketDeleted, []byte(name), binary.BigEndian.AppendUint64(nil, uint64(logEnd))),
				putNumber(tx, stateNextRef, int64(x.nextRef)))
		}
		if settings {
			errs = append(errs, tx.Bucket([]byte(bucketTopics)).Delete([]byte(name)), putMsgp(tx, bucketState, stateTopics, version))
		}
		return errors.Join(errs...)
	}, func(all *tables) {
		if settings {
			delete(all.topics, name)
		}
		all.topicsVersion = version
		if !known {
			x.forgetQueues(name, gone, logEnd)
		}
	})
	return err == nil, err
}

// queuesBefore returns the queues of a topic whose records lie before logEnd. A
// queue that was begun anew behind it has no others: the first record there took
// the offset 0. An empty one goes.
func (x *Index) queuesBefore(topic string, logEnd int64) (map[int32]*Queue, error) {
	queues := x.queuesOf(topic)
	for id := range queues {
		first, end, _ := x.Bounds(topic, id)
		at, ok := x.NextOffset(topic, id, first)
		if first == end || !ok {
			continue
		}
		var u [1]Unit
		if n, _ := x.Range(topic, id, at, u[:]); n == 0 {
			return nil, fmt.Errorf("%w: queue %d of topic %s at %d, which may be deleted", ErrDamaged, id, topic, at)
		}
		if u[0].PhyOffset >= logEnd {
			delete(queues, id)
		}
	}
	return queues, nil
}
