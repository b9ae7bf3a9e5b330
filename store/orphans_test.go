package store_test

import (
	"slices"
	"testing"

	"pairmq/store/table"
)

func TestRecordsWithoutATopicAreAdopted(t *testing.T) {
	r, _ := openOnDisk(t, true)
	defer r.stop()
	known := table.Topic{Name: "Known", ReadQueueNums: 1, WriteQueueNums: 1, Perm: table.PermRead}
	if err := r.PutTopic(known); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		topic string
		queue int32
	}{{"Known", 4}, {"B", 2}, {"B", 0}, {"A", 0}, {"not/a/name", 0}} {
		m := message(1, 1)
		m.Topic, m.QueueID = at.topic, at.queue
		put(t, r.Store, m)
	}
	for _, want := range [][]string{{"A", "B"}, {}} {
		if got, err := r.AdoptOrphans(); err != nil || !slices.Equal(got, want) {
			t.Errorf("AdoptOrphans() = %q, %v, want %q", got, err, want)
		}
	}
	if got, ok := r.Topic("B"); !ok || got.ReadQueueNums != 3 || got.WriteQueueNums != 3 {
		t.Errorf("the topic B is %+v, %v", got, ok)
	}
	if got, _ := r.Topic("Known"); got.ReadQueueNums != 1 {
		t.Errorf("the topic Known became %+v", got)
	}
}
