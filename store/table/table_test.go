package table_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pairmq/store/table"
)

func TestNames(t *testing.T) {
	tests := []struct {
		name         string
		topic, group bool
	}{
		{"TopicTest", true, true},
		{"%RETRY%group-1_a|b", true, true},
		{"", false, false},
		{"  ", false, false},
		{"../x", false, false},
		{"a/b", false, false},
		{"a b", false, false},
		{"主题", false, false},
		{"a\x00", false, false},
		{strings.Repeat("x", 127), true, true},
		{strings.Repeat("x", 128), false, true},
		{strings.Repeat("x", 255), false, true},
		{strings.Repeat("x", 256), false, false},
	}
	for _, tt := range tests {
		if err := table.CheckTopicName(tt.name); (err == nil) != tt.topic || err != nil && !errors.Is(err, table.ErrName) {
			t.Errorf("CheckTopicName(%.20q) = %v, want allowed %v", tt.name, err, tt.topic)
		}
		if err := table.CheckGroupName(tt.name); (err == nil) != tt.group || err != nil && !errors.Is(err, table.ErrName) {
			t.Errorf("CheckGroupName(%.20q) = %v, want allowed %v", tt.name, err, tt.group)
		}
	}
}

func TestVersionsGrowAlthoughTheClockDoesNot(t *testing.T) {
	v := table.DataVersion{Timestamp: 1000, Counter: 7}
	if got, want := v.Next(2000), (table.DataVersion{Timestamp: 2000, Counter: 8}); got != want {
		t.Errorf("Next(2000) = %+v, want %+v", got, want)
	}
	if got, want := v.Next(5), (table.DataVersion{Timestamp: 1000, Counter: 8}); got != want {
		t.Errorf("Next(5), a clock that went back, = %+v, want %+v", got, want)
	}
}

// TestTopicReadsAsRocketMQWritesIt: one entry of a captured topics table.
func TestTopicReadsAsRocketMQWritesIt(t *testing.T) {
	const wire = `{"attributes":{},"order":false,"perm":7,"readQueueNums":4,"topicFilterType":"SINGLE_TAG","topicName":"TBW102","topicSysFlag":0,"writeQueueNums":4}`
	var got table.Topic
	if err := json.Unmarshal([]byte(wire), &got); err != nil {
		t.Fatal(err)
	}
	want := table.Topic{Name: "TBW102", ReadQueueNums: 4, WriteQueueNums: 4, Perm: 7, FilterType: "SINGLE_TAG", Attributes: map[string]string{}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s reads as %+v, want %+v", wire, got, want)
	}
}

func FuzzTopicValue(f *testing.F) {
	b, _ := (&table.Topic{Name: "T", Attributes: map[string]string{"a": "b"}}).MarshalMsg(nil)
	f.Add(b)
	f.Add([]byte("\x81\xa4attr\xdf\xc8b(\x0f\x83\x88")) // claims 3 billion attributes
	f.Fuzz(func(t *testing.T, in []byte) {
		var v, again table.Topic
		if _, err := v.UnmarshalMsg(in); err != nil {
			return
		}
		out, err := v.MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := again.UnmarshalMsg(out); err != nil || again.Name != v.Name || again.Perm != v.Perm || len(again.Attributes) != len(v.Attributes) {
			t.Errorf("%x decodes to %+v, which encodes to %+v (%v)", in, v, again, err)
		}
	})
}

func FuzzGroupValue(f *testing.F) {
	g := table.DefaultGroup("G")
	b, _ := g.MarshalMsg(nil)
	f.Add(b)
	f.Add([]byte("\x81\xa4attr\xdf\xc8b(\x0f\x83\x88"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var v, again table.Group
		if _, err := v.UnmarshalMsg(in); err != nil {
			return
		}
		out, err := v.MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := again.UnmarshalMsg(out); err != nil || again.Name != v.Name || again.RetryMaxTimes != v.RetryMaxTimes || len(again.Attributes) != len(v.Attributes) {
			t.Errorf("%x decodes to %+v, which encodes to %+v (%v)", in, v, again, err)
		}
	})
}
