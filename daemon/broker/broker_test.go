package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// bubble runs a test against a broker in a synctest bubble.
func bubble(t *testing.T, change func(*Options, *fakeStore), f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change)
		synctest.Wait() // it has looked up what it looks up when it begins: tests change r.st as they like
		f(t, r)
	})
}

func TestNewNeedsItsOptions(t *testing.T) {
	if _, err := New(Options{Name: "b"}); err == nil || !strings.Contains(err.Error(), "Store") {
		t.Errorf("without a store: %v", err)
	}
	if _, err := New(Options{Store: newFakeStore()}); err == nil || !strings.Contains(err.Error(), "Name") {
		t.Errorf("without a name: %v", err)
	}
	st := newFakeStore()
	st.tableErr = store.ErrDiskFull
	if _, err := New(Options{Store: st, Name: "b"}); !errors.Is(err, store.ErrDiskFull) {
		t.Errorf("without a disk: %v", err)
	}
}

func TestSystemTopics(t *testing.T) {
	st := newFakeStore()
	_ = st.PutTopic(groupTopic("TBW102", 4))
	if _, err := New(Options{Store: st, Name: "gate.way", TraceTopic: "RMQ_SYS_TRACE_TOPIC"}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, topic := range st.topics {
		names = append(names, fmt.Sprint(name, " ", topic.WriteQueueNums, " ", topic.Perm))
	}
	slices.Sort(names)
	want := []string{"DefaultCluster 16 7", "DefaultCluster_REPLY_TOPIC 1 6", "OFFSET_MOVED_EVENT 1 6", "RMQ_SYS_TRACE_TOPIC 1 6", "RMQ_SYS_TRANS_HALF_TOPIC 1 6", "RMQ_SYS_TRANS_OP_HALF_TOPIC 1 6", "SCHEDULE_TOPIC_XXXX 18 6", "SELF_TEST_TOPIC 1 6", "TBW102 8 7", "TRANS_CHECK_MAX_TIME_TOPIC 1 6", "rmq_sys_wheel_timer 1 6"}
	if !slices.Equal(names, want) {
		t.Errorf("made %q, want %q", names, want)
	}
	writes := st.writes
	if _, err := New(Options{Store: st, Name: "gate.way", TraceTopic: "RMQ_SYS_TRACE_TOPIC"}); err != nil || st.writes != writes {
		t.Errorf("a second start: %v, %d writes, want none", err, st.writes-writes)
	}
	bubble(t, nil, func(t *testing.T, r *rig) {
		var list struct{ TopicList []string }
		if err := json.Unmarshal(r.client().call(remoting.ReqGetSystemTopicListFromBroker, "").Body, &list); err != nil || !slices.Contains(list.TopicList, "TBW102") {
			t.Errorf("system topics %v, %v", list, err)
		}
	})
}
