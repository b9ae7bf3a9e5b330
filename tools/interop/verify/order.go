package verify

import (
	"cmp"
	"fmt"
	"slices"
)

// Order checks that one group's consumers, all of them ordered, saw each queue
// in its order: none got a message before the one in front of it was through,
// and no two had messages of one queue at the same time. A redelivery may go
// back, never ahead. It returns the number of redeliveries.
func Order(got []Got) (redelivered int, err error) {
	queues := map[int32][]Got{}
	for _, g := range got {
		queues[g.QueueID] = append(queues[g.QueueID], g)
	}
	for id, all := range queues {
		slices.SortStableFunc(all, func(a, b Got) int { return cmp.Compare(a.Micros, b.Micros) })
		next, busyUntil := all[0].QueueOffset, int64(0)
		for _, g := range all {
			switch {
			case g.DoneMicros == 0:
				return 0, fmt.Errorf("verify: queue %d: the listener of offset %d did not end", id, g.QueueOffset)
			case g.Micros < busyUntil:
				return 0, fmt.Errorf("verify: queue %d: offset %d began %d µs before the one in front of it ended", id, g.QueueOffset, busyUntil-g.Micros)
			case g.QueueOffset > next:
				return 0, fmt.Errorf("verify: queue %d: offset %d came where %d was due", id, g.QueueOffset, next)
			case g.QueueOffset < next:
				redelivered++
			default:
				next++
			}
			busyUntil = g.DoneMicros
		}
	}
	return redelivered, nil
}
