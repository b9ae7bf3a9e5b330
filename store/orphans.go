package store

import (
	"maps"
	"slices"

	"pairmq/store/table"
)

// AdoptOrphans makes a topic of every name under which there are records, but
// that is not in the table, and returns their names: a slave may have copied
// the records and not yet the topic, and without it nobody finds them. Durable
// on return.
func (s *Store) AdoptOrphans() ([]string, error) {
	queues := map[string]int32{} // the highest queueId, and one more
	s.index.EachQueue(func(topic string, queueID int32, first, end int64) {
		if end > first {
			queues[topic] = max(queues[topic], queueID+1)
		}
	})
	var made []table.Topic
	for _, name := range slices.Sorted(maps.Keys(queues)) {
		if _, known := s.index.Topic(name); known || table.CheckTopicName(name) != nil {
			continue
		}
		made = append(made, table.Topic{
			Name: name, ReadQueueNums: queues[name], WriteQueueNums: queues[name],
			Perm: table.PermRead | table.PermWrite, FilterType: "SINGLE_TAG",
		})
	}
	names := make([]string, len(made))
	for i := range made {
		names[i] = made[i].Name
	}
	return names, s.PutTopics(made)
}
