package replica

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"pairmq/store/table"
)

// maxDelayLevels is how many levels of delay there may be; RocketMQ has 18
// unless it is told otherwise.
const maxDelayLevels = 1024

// noOffset is what rocketmq-client-go commits of a queue of which it has consumed
// nothing yet, and what RocketMQ's brokers keep and answer then.
const noOffset = -1

// offsetEntries are consumer offsets in the order of the answer.
type offsetEntries struct {
	list    []table.Offset
	refused int   // those that are not in list
	why     error // the first of them is not
}

func (e *offsetEntries) refuse(err error) {
	e.refused++
	if e.why == nil {
		e.why = err
	}
}

// decodeOffsets reads the answer to GET_ALL_CONSUMER_OFFSET, 43, with at most
// limit offsets. Those of names that no topic or group can have, and those below
// 0, are left out and counted, but for -1, which is as none. It fails with errAnswer.
//
// Format: RocketMQ 4.9.7 and 5.4.0 ConsumerOffsetSerializeWrapper, "topic@group"
// to queueId to queue offset. One of ours that is asked for it adds resetTable, of
// the same shape, with the versions of those offsets that were ever reset.
func decodeOffsets(body []byte, limit int) (offsetEntries, error) {
	var e offsetEntries
	versions := map[offsetKey]uint32{}
	seen := 0
	err := eachMember(body, "offsetTable", map[string]func(string, *json.Decoder) error{
		"offsetTable": func(key string, dec *json.Decoder) error {
			topic, group, bad := splitOffsetKey(key)
			return eachNumber(dec, func(queueID int32, offset int64) error {
				if seen++; seen > limit {
					return fmt.Errorf("%w: more than %d consumer offsets", errAnswer, limit)
				}
				switch {
				case bad != nil:
					e.refuse(bad)
				case queueID >= 0 && offset == noOffset: // which says the same
				case queueID < 0 || offset < 0:
					e.refuse(fmt.Errorf("%w: %s, queueId %d, is at %d", errAnswer, key, queueID, offset))
				default:
					e.list = append(e.list, table.Offset{Group: group, Topic: topic, QueueID: queueID, Offset: offset})
				}
				return nil
			})
		},
		"resetTable": func(key string, dec *json.Decoder) error {
			return eachNumber(dec, func(queueID int32, version int64) error {
				if version < 0 || version > math.MaxUint32 || len(versions) >= limit {
					return fmt.Errorf("%w: version %d of %s, queueId %d", errAnswer, version, key, queueID)
				}
				versions[offsetKey{key, queueID}] = uint32(version)
				return nil
			})
		},
	})
	if len(versions) > 0 {
		for i := range e.list {
			o := &e.list[i]
			o.Version = versions[offsetKey{o.Topic + "@" + o.Group, o.QueueID}]
		}
	}
	return e, err
}

// An offsetKey names an offset as the answer to 43 does.
type offsetKey struct {
	of      string // topic@group
	queueID int32
}

func splitOffsetKey(key string) (topic, group string, err error) {
	topic, group, _ = strings.Cut(key, "@")
	if err := table.CheckTopicName(topic); err != nil {
		return "", "", err
	}
	return topic, group, table.CheckGroupName(group)
}

// delayOffsets say how far delayed messages were delivered, and transactions worked off.
type delayOffsets struct {
	offsets      map[int32]int64 // queue offset by level, from 1 on
	transactions map[int32]int64 // queue offset, of halves by 0 and of ops by 1; none, or both
	phyOffset    int64           // bytes; the log before it has what was delivered; 0 if that was not said
}

// decodeDelayOffsets reads the answer to GET_ALL_DELAY_OFFSET, 45. It fails with
// errAnswer.
//
// Format: RocketMQ 4.9.7 and 5.4.0 DelayOffsetSerializeWrapper; one of ours adds
// log and transactions, of the same shape: {"0":phyOffset}, {"0":halves,"1":ops}.
func decodeDelayOffsets(body []byte) (d delayOffsets, err error) {
	all := map[int32]int64{}
	err = eachMember(body, "offsetTable", map[string]func(string, *json.Decoder) error{
		"offsetTable": func(key string, dec *json.Decoder) error {
			level, offset, err := readNumber(dec, key)
			if err != nil {
				return err
			}
			if level < 1 || level > maxDelayLevels || offset < 0 {
				return fmt.Errorf("%w: delay level %d is at %d", errAnswer, level, offset)
			}
			all[level] = offset
			return nil
		},
		"transactions": func(key string, dec *json.Decoder) error {
			n, offset, err := readNumber(dec, key)
			if err != nil {
				return err
			}
			if n < 0 || n > 1 || offset < 0 {
				return fmt.Errorf("%w: queue %d of transactions is at %d", errAnswer, n, offset)
			}
			if d.transactions == nil {
				d.transactions = map[int32]int64{}
			}
			d.transactions[n] = offset
			return nil
		},
		"log": func(key string, dec *json.Decoder) (err error) {
			if key != "0" {
				return fmt.Errorf("%w: a log called %.20q", errAnswer, key)
			}
			if _, d.phyOffset, err = readNumber(dec, key); err == nil && d.phyOffset < 0 {
				err = fmt.Errorf("%w: a log that ends at %d", errAnswer, d.phyOffset)
			}
			return err
		},
	})
	if err == nil && d.transactions != nil && (len(d.transactions) < 2 || d.phyOffset == 0) {
		err = fmt.Errorf("%w: transactions are at %v with the log before %d", errAnswer, d.transactions, d.phyOffset)
	}
	if err != nil {
		return delayOffsets{}, err
	}
	d.offsets = all
	return d, nil
}

// eachNumber reads an object of numbers by number.
func eachNumber(dec *json.Decoder, f func(key int32, n int64) error) error {
	return eachKey(dec, func(key string) error {
		k, n, err := readNumber(dec, key)
		if err != nil {
			return err
		}
		return f(k, n)
	})
}

// readNumber reads the number that belongs to key, a number itself.
func readNumber(dec *json.Decoder, key string) (int32, int64, error) {
	k, err := strconv.ParseInt(key, 10, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("key %.20q, want a number of 32 bits", key)
	}
	value, err := dec.Token()
	if err != nil {
		return 0, 0, err
	}
	text, ok := value.(json.Number)
	if !ok {
		return 0, 0, fmt.Errorf("%.20v at key %s, want a number", value, key)
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("%.40q at key %s, want a number of 64 bits", string(text), key)
	}
	return int32(k), n, nil
}
