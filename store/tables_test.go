package store_test

import (
	"reflect"
	"testing"

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
