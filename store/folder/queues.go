package folder

import (
	"fmt"

	"pairmq/store/index"
	"pairmq/store/record"
)

// An Index is what is compared with a log; *index.Index has it.
type Index interface {
	Checkpoint() int64 // what the log has below is in it
	Bounds(topic string, queueID int32) (first, end int64, ok bool)
	Range(topic string, queueID int32, from int64, dst []index.Unit) (n int, ok bool)
	Deleted() map[string]int64
	ChunkKeys(phyOffset int64) (keys index.ChunkKeys, ok bool) // of the chunk that has the record there
}

// A Queue is what a log has of one queue.
type Queue struct {
	Topic       string `json:"topic"`
	QueueID     int32  `json:"queueId"`
	First       int64  `json:"first"` // queue offset of the first message
	End         int64  `json:"end"`   // behind that of the last
	Messages    int64  `json:"messages"`
	OldestStore int64  `json:"oldest"` // store timestamps, ms
	NewestStore int64  `json:"newest"`

	matched int64 // of them, those that the index has as they are
	told    int   // findings

	units []index.Unit // what the index has from offset ahead on
	ahead int64
}

// Units are read ahead, since each look into the index costs a transaction: so many of
// a queue, while there are few queues.
const (
	unitsAhead      = 64
	maxAheadOfQueue = 4096
)

// unit is what the index had at a queue offset, perhaps some time ago.
func (v *verifier) unit(q *Queue, offset int64) (u index.Unit, ok bool) {
	i := offset - q.ahead
	if i < 0 || i >= int64(len(q.units)) {
		if v.queues.n > maxAheadOfQueue {
			return u, false
		}
		if q.units == nil {
			q.units = make([]index.Unit, unitsAhead)
		}
		n, _ := v.opts.Index.Range(q.Topic, q.QueueID, offset, q.units[:unitsAhead])
		if q.units, q.ahead, i = q.units[:n], offset, 0; n == 0 {
			return u, false
		}
	}
	return q.units[i], true
}

// maxQueues bounds how many queues are followed: a log has some thousands.
const maxQueues = 1 << 20

// maxTold is how many findings there are of one queue; the others are counted.
const maxTold = 16

// queues are those of a log, by topic.
type queues struct {
	topics map[string]map[int32]*Queue
	n      int
}

func (all *queues) find(v *record.View) *Queue {
	byID := all.topics[string(v.Topic())]
	if q := byID[v.QueueID()]; q != nil || all.n >= maxQueues {
		return q
	}
	topic := string(v.Topic())
	if byID == nil {
		byID = map[int32]*Queue{}
		if all.topics == nil {
			all.topics = map[string]map[int32]*Queue{}
		}
		all.topics[topic] = byID
	}
	all.n++
	q := &Queue{Topic: topic, QueueID: v.QueueID(), First: v.QueueOffset(), End: v.QueueOffset(), OldestStore: v.StoreTimestamp()}
	byID[v.QueueID()] = q
	return q
}

// queued says whether a record enters its consume queue: prepared and rolled-back
// halves of transactions do not.
func queued(v *record.View) bool {
	kind := v.Transaction()
	return kind == 0 || kind == record.SysCommit
}

// next holds a record against the one before it in its queue. A queue begins anywhere,
// and anew at 0: its topic was deleted and made again.
func (v *verifier) next(q *Queue, r *record.View) {
	offset := r.QueueOffset()
	if q.Messages > 0 && offset != q.End && offset != 0 {
		kind, lost := QueueGap, offset-q.End
		reason := fmt.Sprintf("the offset is %d, %d are missing behind %d", offset, lost, q.End-1)
		if lost < 0 {
			kind, reason = QueueBack, fmt.Sprintf("the offset is %d, behind %d", offset, q.End-1)
		}
		if v.damaged > 0 && lost > 0 {
			reason += "; they may have been where the log is damaged"
		}
		v.tell(q, kind, r, reason)
	}
	q.Messages++
	q.First, q.End = min(q.First, offset), offset+1
	q.NewestStore = max(q.NewestStore, r.StoreTimestamp())
}

// indexed holds a record against what the index says of it.
func (v *verifier) indexed(q *Queue, r *record.View) {
	x := v.opts.Index
	if x == nil || r.PhyOffset() >= v.checkpoint {
		return
	}
	want := index.Unit{PhyOffset: r.PhyOffset(), Size: int32(r.Size()), TagsCode: r.TagsCode()}
	if u, ok := v.unit(q, r.QueueOffset()); ok && u == want {
		q.matched++
		return
	}
	var u [1]index.Unit
	n, ok := x.Range(q.Topic, q.QueueID, r.QueueOffset(), u[:])
	switch {
	case n > 0 && u[0] == want:
		q.matched++
		return
	case !ok && n == 0: // a damaged chunk, which is said once; or there is no such queue
		if _, _, known := x.Bounds(q.Topic, q.QueueID); known {
			return
		}
	}
	if r.PhyOffset() < x.Deleted()[q.Topic] {
		return
	}
	first, _, known := x.Bounds(q.Topic, q.QueueID)
	switch {
	case known && r.QueueOffset() < first: // retention took it, or is about to
	case n == 0:
		v.tell(q, IndexDiffers, r, fmt.Sprintf("the index does not have the message at offset %d", r.QueueOffset()))
	case u[0].PhyOffset > r.PhyOffset(): // a later record took the offset anew
	default:
		v.tell(q, IndexDiffers, r, fmt.Sprintf("of offset %d the index says %d bytes at %d with tags code %d, the log has %d bytes at %d with %d",
			r.QueueOffset(), u[0].Size, u[0].PhyOffset, u[0].TagsCode, want.Size, want.PhyOffset, want.TagsCode))
	}
}

// tell reports something about a record, unless there was enough of its queue.
func (v *verifier) tell(q *Queue, kind Kind, r *record.View, reason string) {
	if q.told++; q.told > maxTold {
		v.sum.Untold++
		return
	}
	f := Finding{Kind: kind, PhyOffset: r.PhyOffset(), Length: int64(r.Size()), Topic: q.Topic, QueueID: q.QueueID, Reason: reason}
	if v.opts.Log.size > 0 {
		f.File = segmentPath(r.PhyOffset() - r.PhyOffset()%v.opts.Log.size)
	}
	v.found(f)
}
