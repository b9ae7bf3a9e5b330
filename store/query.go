package store

import (
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strings"

	"pairmq/store/index"
	"pairmq/store/record"
)

// Limits of one Query. Of the first two, RocketMQ has only the first
// (maxMsgsNumBatch): 64 large messages would take more memory than there is.
const (
	maxQueryMessages = 64
	maxQueryBytes    = 2 << 20
	maxQueryPlaces   = 64 << 10 // places the index may name; of more, only the newest are looked at
	maxQueryReads    = 1024     // records read because of a hash
)

// A KeyQuery says which messages Query looks for.
type KeyQuery struct {
	Topic string
	Key   string // UNIQ_KEY, or a word of KEYS
	Uniq  bool   // only as UNIQ_KEY
	Begin int64  // store timestamp, ms
	End   int64  // the same, included
	Max   int    // messages; the newest count
}

// Query returns the newest records of a topic that have a key, in the order of the
// log, back to back and as stored: at most q.Max (and 64), and at most 2 MiB of them
// but always one; nil if there are none. room is asked for their bytes before memory
// is taken for them; nil has room for all. What the index does not know, since a part
// of it is damaged, is missing, and so is what cannot be read.
func (s *Store) Query(q KeyQuery, room Room) ([]byte, error) {
	places, err := s.placesOf(q)
	if err != nil {
		return nil, err
	}
	limit, total := min(q.Max, maxQueryMessages), 0
	var matching []int64 // newest first
	for _, at := range places[:min(len(places), maxQueryReads)] {
		if len(matching) >= limit {
			break
		}
		size, over := s.matchKey(at, q)
		if over {
			break
		}
		if size == 0 {
			continue
		}
		if total+size > maxQueryBytes && total > 0 {
			break
		}
		matching, total = append(matching, at), total+size
	}
	if total == 0 {
		return nil, nil
	}
	if room != nil {
		if err := room.Reserve(total); err != nil {
			return nil, err
		}
	}
	all := make([]byte, 0, total)
	for i := len(matching) - 1; i >= 0; i-- {
		if b, err := s.RecordAt(matching[i]); err == nil { // retention may have been faster
			all = append(all, b...)
		}
	}
	return all, nil
}

// placesOf returns where the index says that records of q are, newest first, without
// those that are newer than q.End: store timestamps never run backwards.
func (s *Store) placesOf(q KeyQuery) ([]int64, error) {
	if q.Max <= 0 || q.Begin > q.End {
		return nil, nil
	}
	places := s.index.FindKeys(record.KeyHash(q.Topic, q.Key), q.Begin, q.End, maxQueryPlaces)
	var failed error
	first := sort.Search(len(places), func(i int) bool {
		stamp, err := s.stampAt(places[i])
		if errors.Is(err, fs.ErrNotExist) {
			return true // retention has taken it, and all that is older
		}
		if err != nil {
			failed = err
		}
		return stamp <= q.End
	})
	if failed != nil {
		return nil, fmt.Errorf("store: look for a key at %d places: %w", len(places), failed)
	}
	return places[first:], nil
}

// matchKey returns the size of the record at a place if it is of q, else 0; over says
// that all that is older is not.
func (s *Store) matchKey(at int64, q KeyQuery) (size int, over bool) {
	b, err := s.RecordAt(at)
	if err != nil {
		return 0, false
	}
	v, err := record.Parse(b, s.limits)
	if err != nil {
		return 0, false
	}
	if v.StoreTimestamp() < q.Begin {
		return 0, true
	}
	if string(v.Topic()) != q.Topic || v.StoreTimestamp() > q.End || !hasKey(&v, q.Key, q.Uniq) {
		return 0, false
	}
	return len(b), false
}

// hasKey says whether a record has a key that is not just of the same hash.
func hasKey(v *record.View, key string, uniq bool) bool {
	if id, ok := v.Property(record.PropertyUniqKey); ok && string(id) == key {
		return true
	}
	if uniq {
		return false
	}
	keys, _ := v.Property(record.PropertyKeys)
	for word := range strings.SplitSeq(string(keys), " ") {
		if word == key && word != "" {
			return true
		}
	}
	return false
}

// Units reads entries of a consume queue into dst, from queue offset from on, and
// returns how many: fewer where the queue ends, none where it does not have from.
func (s *Store) Units(topic string, queueID int32, from int64, dst []index.Unit) int {
	n, _ := s.index.Range(topic, queueID, from, dst)
	return n
}

// QueriedTo is how far the index goes that Query looks into: the store timestamp
// (ms) of the newest message, 0 for none, and the end of the log that is indexed.
func (s *Store) QueriedTo() (timestamp, phyOffset int64) {
	return s.queues.newest(), s.visible.Load()
}
