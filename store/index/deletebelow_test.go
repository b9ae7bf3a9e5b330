package index

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pairmq/store/table"
)

// TestACopyDeletesLater gives two indexes the same records. Topics are deleted in
// one, and made again with records from queue offset 0 on; the other hears of it
// when it has not as many records yet, or more, and not of every time. In the end
// both have the same.
func TestACopyDeletesLater(t *testing.T) {
	const topics, queues = 3, 3
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 7))
		one, other := openOS(t, t.TempDir(), small), t.TempDir()
		copied := openOS(t, other, small)
		var log []Record
		end := int64(0)
		next := map[string]int64{}
		name := func(topic, queue int) string { return fmt.Sprint("T", topic, "/", queue) }
		tell := func() {
			for topic, below := range one.Deleted() {
				known := copied.Deleted()[topic] >= below
				done, err := copied.DeleteTopicBelow(topic, below, false)
				if err != nil || done == known {
					t.Fatalf("seed %d: DeleteTopicBelow(%s, %d) = %v, %v, known before: %v", seed, topic, below, done, err, known)
				}
			}
		}
		apply := func(n int) {
			for _, r := range log[:min(n, len(log))] {
				copied.Apply(r)
			}
			log = log[min(n, len(log)):]
		}
		for range 400 {
			switch chance := rng.IntN(100); {
			case chance < 60:
				topic, queue := rng.IntN(topics), rng.IntN(queues)
				r := Record{PhyOffset: end, Size: 100, Topic: fmt.Sprint("T", topic), QueueID: int32(queue), QueueOffset: next[name(topic, queue)]}
				next[name(topic, queue)]++
				end += 100
				one.Apply(r)
				log = append(log, r)
			case chance < 80:
				apply(rng.IntN(5))
			case chance < 85:
				topic := rng.IntN(topics)
				must(t, one.DeleteTopic(fmt.Sprint("T", topic), end))
				for queue := range queues {
					next[name(topic, queue)] = 0
				}
			case chance < 93:
				tell()
			case chance < 96:
				must(t, copied.SealAll(end))
			case chance < 98:
				must(t, one.SealAll(end))
			default:
				must(t, copied.SealAll(end))
				closeIndex(t, copied)
				copied = openOS(t, other, small)
			}
		}
		apply(len(log))
		tell()
		for topic := range topics {
			for queue := range queues {
				a, b := make([]Unit, 500), make([]Unit, 500)
				n, _ := one.Range(fmt.Sprint("T", topic), int32(queue), 0, a)
				m, _ := copied.Range(fmt.Sprint("T", topic), int32(queue), 0, b)
				if !slices.Equal(a[:n], b[:m]) {
					t.Errorf("seed %d: queue %s has %v, its copy %v", seed, name(topic, queue), a[:n], b[:m])
				}
			}
		}
		closeIndex(t, one)
		closeIndex(t, copied)
	}
}

// TestDeleteTopicBelow: settings and offsets, and what is not done twice.
func TestDeleteTopicBelow(t *testing.T) {
	x := openOS(t, t.TempDir(), small)
	defer closeIndex(t, x)
	must(t, x.PutTopic(table.Topic{Name: "T"}), x.PutTopic(table.Topic{Name: "U"}))
	for i := range int64(10) {
		x.Apply(Record{PhyOffset: i * 100, Size: 100, Topic: "T", QueueOffset: i})
	}
	commit := func() {
		x.CommitOffset("G", "T", 0, 5)
		x.CommitOffset("G", "U", 0, 5)
	}
	steps := []struct {
		topic    string
		below    int64
		settings bool
		done     bool
		want     string // topics, and whether T has records and offsets
	}{
		{"T", 1000, false, true, "TU false false"},
		{"T", 1000, false, false, "TU false true"},
		{"T", 900, false, false, "TU false true"},
		{"T", 1000, true, true, "U false true"},
		{"T", 1000, true, false, "U false true"},
		{"T", 2000, true, true, "U false false"},
		{"V", 2000, true, true, "U false true"},
		{"U", 500, true, true, " false true"},
	}
	for _, step := range steps {
		commit()
		had, before := x.Topics()
		count := len(had)
		done, err := x.DeleteTopicBelow(step.topic, step.below, step.settings)
		names := ""
		topics, after := x.Topics()
		for _, topic := range topics {
			names += topic.Name
		}
		_, end, _ := x.Bounds("T", 0)
		_, ok := x.Offset("G", "T", 0)
		if got := fmt.Sprint(names, " ", end > 0, " ", ok); got != step.want || done != step.done || err != nil {
			t.Errorf("DeleteTopicBelow(%s, %d, %v) = %v, %v with %q, want %v with %q", step.topic, step.below, step.settings, done, err, got, step.done, step.want)
		}
		if fewer := len(topics) < count; fewer != (after != before) {
			t.Errorf("DeleteTopicBelow(%s, %d, %v) took the table's version from %+v to %+v", step.topic, step.below, step.settings, before, after)
		}
	}
	must(t, x.DropBefore(1000))
	if done, err := x.DeleteTopicBelow("W", 1000, false); done || err != nil {
		t.Errorf("what retention has taken is deleted once more: %v, %v", done, err)
	}
}
