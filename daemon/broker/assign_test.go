package broker

import (
	"fmt"
	"testing"

	"pairmq/internal/remoting"
)

// TestAllocate holds the strategies to what Java's AllocateMessageQueueAveragely
// and its ByCircle sister give: every queue to one client, in this order.
func TestAllocate(t *testing.T) {
	tests := []struct {
		strategy string
		queues   int
		clients  int
		want     string
	}{
		{"AVG", 4, 1, "[[0 1 2 3]]"},
		{"AVG", 8, 3, "[[0 1 2] [3 4 5] [6 7]]"},
		{"AVG", 4, 3, "[[0 1] [2] [3]]"},
		{"AVG", 4, 4, "[[0] [1] [2] [3]]"},
		{"AVG", 2, 4, "[[0] [1] [] []]"},
		{"AVG", 0, 2, "[[] []]"},
		{"AVG_BY_CIRCLE", 8, 3, "[[0 3 6] [1 4 7] [2 5]]"},
		{"AVG_BY_CIRCLE", 2, 4, "[[0] [1] [] []]"},
		{"MACHINE_NEARBY", 4, 1, "[[]]"},
	}
	for _, test := range tests {
		var ids []string
		for i := range test.clients {
			ids = append(ids, fmt.Sprint("c", i))
		}
		var got [][]int
		for _, id := range ids {
			got = append(got, allocate(test.strategy, test.queues, ids, id))
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("%s of %d queues for %d clients is %v, want %s", test.strategy, test.queues, test.clients, got, test.want)
		}
	}
	if got := allocate("AVG", 4, []string{"a"}, "stranger"); got != nil {
		t.Errorf("a stranger gets %v", got)
	}
}

func TestQueryAssignment(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		a, b := r.client(), r.client()
		a.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T"))
		b.call(remoting.ReqHeartBeat, heartbeatOf("b", "CG", "CLUSTERING", "T"))
		ask := func(id, model string) string {
			return string(a.call(remoting.ReqQueryAssignment, fmt.Sprintf(`{"topic":"T","consumerGroup":"CG","clientId":%q,"strategyName":"AVG","messageModel":%q}`, id, model)).Body)
		}
		queue := func(q int) string {
			return fmt.Sprintf(`{"messageQueue":{"brokerName":"broker-a","queueId":%d,"topic":"T"},"mode":"PULL"}`, q)
		}
		for _, test := range []struct{ id, model, want string }{
			{"a", "CLUSTERING", queue(0)}, {"b", "CLUSTERING", queue(1)}, {"x", "CLUSTERING", ""}, {"x", "BROADCASTING", queue(0) + "," + queue(1)},
		} {
			if got, want := ask(test.id, test.model), `{"messageQueueAssignments":[`+test.want+`]}`; got != want {
				t.Errorf("%s %s: %s, want %s", test.id, test.model, got, want)
			}
		}
		a.expect(a.call(remoting.ReqQueryAssignment, `{"topic":"None"}`), remoting.RespTopicNotExist, "None")
	})
}
