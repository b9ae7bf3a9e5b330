package pop

// AnyQueue is the queue id of an assignment or a pop that means each queue of a topic.
const AnyQueue = -1

// Share returns which queues a client of a group pops that is the at-th of count, in
// the order of their names, where each queue may be popped by so many clients besides
// the one it is allocated to; 0 and less means by all, which is the one queue AnyQueue.
// allocate returns the queues that a strategy allocates to the at-th.
//
// As RocketMQ 5.4.0, QueryAssignmentProcessor.allocate4Pop.
func Share(queues, count, at, others int, allocate func(at int) []int) []int {
	switch {
	case queues <= 0 || count <= 0:
		return nil
	case others <= 0 || others >= count-1:
		return []int{AnyQueue}
	case count > queues: // each client has one
		return []int{at % queues}
	}
	var all []int
	for i := range others + 1 {
		all = append(all, allocate((at+i)%count)...)
	}
	return all
}
