package store_test

import (
	"reflect"
	"testing"

	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/table"
)

// TestAllOffsetsKnowsEveryGroup: what a group committed outlives its settings.
func TestAllOffsetsKnowsEveryGroup(t *testing.T) {
	s, _ := openOnDisk(t, true)
	if err := s.PutGroups([]table.Group{table.DefaultGroup("kept"), table.DefaultGroup("gone")}); err != nil {
		t.Fatal(err)
	}
	s.CommitOffset("kept", "T", 1, 7)
	s.CommitOffset("kept", "T", 0, 5)
	s.CommitOffset("gone", "T", 0, 9)
	s.CommitOffset("never", "U", 3, 1)
	if err := s.DeleteGroup("gone"); err != nil {
		t.Fatal(err)
	}
	want := map[string][]index.GroupOffset{
		"kept":  {{Topic: "T", QueueID: 0, Offset: 5}, {Topic: "T", QueueID: 1, Offset: 7}},
		"gone":  {{Topic: "T", QueueID: 0, Offset: 9}},
		"never": {{Topic: "U", QueueID: 3, Offset: 1}},
	}
	if got := s.AllOffsets(); !reflect.DeepEqual(got, want) {
		t.Errorf("AllOffsets = %+v, want %+v", got, want)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestVersionsCountChanges: a commit that changes nothing is none.
func TestVersionsCountChanges(t *testing.T) {
	s, _ := openOnDisk(t, true)
	steps := []struct {
		name string
		do   func() error
		want store.Versions // more than before
	}{
		{"a topic", func() error { return s.PutTopic(table.Topic{Name: "T"}) }, store.Versions{Topics: 1}},
		{"a group", func() error { return s.PutGroup(table.DefaultGroup("g")) }, store.Versions{Groups: 1}},
		{"a commit", func() error { s.CommitOffset("g", "T", 0, 5); return nil }, store.Versions{Offsets: 1}},
		{"the same commit", func() error { s.CommitOffset("g", "T", 0, 5); return nil }, store.Versions{}},
		{"an earlier one", func() error { s.CommitOffset("g", "T", 0, 4); return nil }, store.Versions{}},
		{"a reset", func() error { return s.ResetOffsets([]table.Offset{{Group: "g", Topic: "T", Offset: 4}}) }, store.Versions{Offsets: 1}},
		{"a topic gone", func() error { return s.DeleteTopic("T") }, store.Versions{Topics: 1}},
		{"a group gone", func() error { return s.DeleteGroup("g") }, store.Versions{Groups: 1}},
	}
	for _, step := range steps {
		before := s.Versions()
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		after := s.Versions()
		if got := (store.Versions{Topics: after.Topics - before.Topics, Groups: after.Groups - before.Groups, Offsets: after.Offsets - before.Offsets}); got != step.want {
			t.Errorf("%s counts as %+v, want %+v", step.name, got, step.want)
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}
