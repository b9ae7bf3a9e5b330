package replica

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"pairmq/internal/javajson"
	"pairmq/store/table"
)

// errAnswer is the cause of every refused body.
var errAnswer = errors.New("replica: not an answer of a master")

// Bounds of what a master answers.
const (
	maxAnswer    = 8 << 20 // bytes; 10,000 groups of 5.4.0 have 4.3 million
	maxQueueNums = 8192    // queues of a topic; Apache's own topics have up to 1024
	singleTag    = "SINGLE_TAG"
	multiTag     = "MULTI_TAG"
)

// entries are those of one table, by name.
type entries[T any] struct {
	byName  map[string]T
	odd     map[string]bool // names that are allowed, of entries that are not
	refused int             // entries that are not in byName
	why     error           // the first of them is not
}

func (e *entries[T]) refuse(err error) {
	e.refused++
	if e.why == nil {
		e.why = err
	}
}

// count is how many entries there were.
func (e *entries[T]) count() int { return len(e.byName) + e.refused }

// decodeTopics reads the answer to GET_ALL_TOPIC_CONFIG, 21, with at most limit
// topics. Those whose names or numbers a topic cannot have are left out and
// counted. It fails with errAnswer.
//
// Format: RocketMQ 4.9.7 TopicConfigSerializeWrapper and 5.4.0
// TopicConfigAndMappingSerializeWrapper; what else 5.4.0 has is left out.
func decodeTopics(body []byte, limit int) (entries[table.Topic], error) {
	return decodeEntries(body, "topicConfigTable", limit,
		func(string) table.Topic { return table.Topic{FilterType: singleTag} },
		func(name string, t *table.Topic) error {
			t.Name = name
			if len(t.Attributes) == 0 {
				t.Attributes = nil // 5.4.0 sends an empty one, 4.9.7 none
			}
			switch {
			case t.ReadQueueNums < 0 || t.ReadQueueNums > maxQueueNums || t.WriteQueueNums < 0 || t.WriteQueueNums > maxQueueNums:
				return fmt.Errorf("%w: topic %s has %d queues to read and %d to write, want 0 to %d", errAnswer, name, t.ReadQueueNums, t.WriteQueueNums, maxQueueNums)
			case t.FilterType != singleTag && t.FilterType != multiTag:
				return fmt.Errorf("%w: topic %s has topicFilterType %.20q", errAnswer, name, t.FilterType)
			}
			return nil
		}, table.CheckTopicName)
}

// maxDeleted is how many deleted topics a master may know of.
const maxDeleted = 100_000

// decodeDeleted reads what a master of ours adds to the answer to 21: by topic,
// where in the log it was deleted last. Names that no topic can have, and places
// that no log has, are left out. It fails with errAnswer.
func decodeDeleted(body []byte) (map[string]int64, error) {
	all := map[string]int64{}
	err := eachMember(body, "topicConfigTable", map[string]func(string, *json.Decoder) error{
		"topicConfigTable": func(_ string, dec *json.Decoder) error { return skipValue(dec) },
		"deletedTable": func(name string, dec *json.Decoder) error {
			var below int64
			if err := dec.Decode(&below); err != nil {
				return err
			}
			if len(all) >= maxDeleted {
				return fmt.Errorf("%w: more than %d deleted topics", errAnswer, maxDeleted)
			}
			if below > 0 && table.CheckTopicName(name) == nil {
				all[name] = below
			}
			return nil
		},
	})
	return all, err
}

// decodeGroups reads the answer to GET_ALL_SUBSCRIPTIONGROUP_CONFIG, 201, as
// decodeTopics does that to 21. What an entry does not say is as in a group that
// nobody has configured.
//
// Format: RocketMQ 4.9.7 and 5.4.0 SubscriptionGroupWrapper.
func decodeGroups(body []byte, limit int) (entries[table.Group], error) {
	return decodeEntries(body, "subscriptionGroupTable", limit, table.DefaultGroup,
		func(name string, g *table.Group) error {
			g.Name = name
			if len(g.Attributes) == 0 {
				g.Attributes = nil
			}
			if g.RetryQueueNums < 0 || g.RetryQueueNums > maxQueueNums {
				return fmt.Errorf("%w: group %s has %d retry queues, want 0 to %d", errAnswer, name, g.RetryQueueNums, maxQueueNums)
			}
			return nil
		}, table.CheckGroupName)
}

// decodeModes reads the answer to GET_ALL_MESSAGE_REQUEST_MODE, 402. Those of names and
// modes that there are none of are left out and counted; why is of the first one. It
// fails with errAnswer.
//
// Format: RocketMQ 5.4.0 MessageRequestModeSerializeWrapper.
func decodeModes(body []byte) (all table.RequestModes, refused int, why error, err error) {
	all = table.RequestModes{}
	err = eachEntry(body, "messageRequestModeMap", func(topic string, dec *json.Decoder) error {
		return eachKey(dec, func(group string) error {
			var m table.RequestMode
			if err := dec.Decode(&m); err != nil {
				return err
			}
			if all.Count() >= table.MaxRequestModes {
				return fmt.Errorf("%w: more than %d modes", errAnswer, table.MaxRequestModes)
			}
			m.Topic, m.Group = topic, group
			bad := cmp.Or(table.CheckTopicName(topic), table.CheckGroupName(group))
			if bad == nil && m.Mode != table.ModePull && m.Mode != table.ModePop {
				bad = fmt.Errorf("%w: group %s consumes topic %s by %.20q", errAnswer, group, topic, m.Mode)
			}
			if bad != nil {
				if refused++; why == nil {
					why = bad
				}
				return nil
			}
			all.Set(m)
			return nil
		})
	})
	if err != nil {
		return nil, 0, nil, err
	}
	return all, refused, why, nil
}

// decodeEntries reads the table that is the member of body. fresh is an entry
// that says nothing, check completes one and judges it.
func decodeEntries[T any](body []byte, member string, limit int, fresh func(name string) T, check func(name string, v *T) error, checkName func(string) error) (entries[T], error) {
	e := entries[T]{byName: map[string]T{}, odd: map[string]bool{}}
	seen := 0
	err := eachEntry(body, member, func(name string, dec *json.Decoder) error {
		if seen++; seen > limit {
			return fmt.Errorf("%w: more than %d entries", errAnswer, limit)
		}
		v := new(T)
		*v = fresh(name)
		if err := dec.Decode(&v); err != nil {
			return err
		}
		switch err := checkName(name); {
		case err != nil:
			e.refuse(err)
		case v == nil: // null
			e.odd[name] = true
			e.refuse(fmt.Errorf("%w: %s is null", errAnswer, name))
		default:
			if err := check(name, v); err != nil {
				e.odd[name] = true
				e.refuse(err)
				return nil
			}
			e.byName[name] = *v
		}
		return nil
	})
	return e, err
}

// eachEntry calls f for each entry of the object that is the member of body, an
// object too. f reads the entry's value from dec. It fails with errAnswer if
// body is anything else.
func eachEntry(body []byte, member string, f func(key string, dec *json.Decoder) error) error {
	return eachMember(body, member, map[string]func(string, *json.Decoder) error{member: f})
}

// eachMember is eachEntry of several members of body, of which one must be there.
func eachMember(body []byte, must string, members map[string]func(key string, dec *json.Decoder) error) error {
	if len(body) > maxAnswer {
		return fmt.Errorf("%w: %d bytes, at most %d are read", errAnswer, len(body), maxAnswer)
	}
	body, err := javajson.QuoteKeys(body)
	if err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	found := false
	err = eachKey(dec, func(member string) error {
		f := members[member]
		if f == nil {
			return skipValue(dec)
		}
		found = found || member == must
		return eachKey(dec, func(key string) error { return f(key, dec) })
	})
	if err == nil && !found {
		err = fmt.Errorf("it has no %s", must)
	}
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("something follows it")
	}
	if errors.Is(err, errAnswer) {
		return err
	}
	return fmt.Errorf("%w: %d bytes of JSON: %w", errAnswer, len(body), err)
}

// eachKey reads an object from dec; f is called with each key and reads its value.
func eachKey(dec *json.Decoder, f func(key string) error) error {
	switch open, err := dec.Token(); {
	case err != nil:
		return err
	case open != json.Delim('{'):
		return fmt.Errorf("%v at byte %d, want an object", open, dec.InputOffset())
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		if err := f(key.(string)); err != nil { // Token lets nothing else be a key
			return err
		}
	}
	_, err := dec.Token() // the closing brace
	return err
}

// skipValue reads a value from dec, whatever it is, and keeps nothing of it.
func skipValue(dec *json.Decoder) error {
	for depth := 0; ; {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
