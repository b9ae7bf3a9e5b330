package broker

import (
	"slices"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

type assignmentBody struct {
	Topic    string `json:"topic"`
	Group    string `json:"consumerGroup"`
	ClientID string `json:"clientId"`
	Strategy string `json:"strategyName"`
	Model    string `json:"messageModel"`
}

// An assignment is one queue for the asking consumer; one to pop may be
// pop.AnyQueue.
type assignment struct {
	Queue messageQueue `json:"messageQueue"`
	Mode  string       `json:"mode"`
}

// queryAssignment serves QUERY_ASSIGNMENT, 400: consumers of 5.x that leave the
// allocation of queues to the broker. It knows its own queues only.
func (b *Broker) queryAssignment(req *remoting.Request) error {
	var body assignmentBody
	if err := b.decodeJSON(req.Body, &body); err != nil {
		return err
	}
	if err := mayConsume(req, body.Group, body.Topic); err != nil {
		return err
	}
	t, err := b.topic(body.Topic)
	if err != nil {
		return err
	}
	mode, err := b.requestMode(body.Group, body.Topic)
	if err != nil {
		return err
	}
	var queues []int
	if body.Model == "BROADCASTING" {
		queues = share(int(t.ReadQueueNums), 1, 0)
	} else {
		ids := b.clients.consumerIDs(body.Group)
		if mode.Mode == table.ModePop {
			queues = popQueues(body.Strategy, int(t.ReadQueueNums), ids, body.ClientID, int(mode.Others))
		} else {
			queues = allocate(body.Strategy, int(t.ReadQueueNums), ids, body.ClientID)
		}
	}
	all := make([]assignment, 0, len(queues))
	for _, q := range queues {
		all = append(all, assignment{messageQueue{b.opts.Name, int32(q), t.Name}, mode.Mode})
	}
	return replyJSON(req, map[string][]assignment{"messageQueueAssignments": all})
}

// allocate returns which of n queues are client's, by RocketMQ's strategies;
// none for others. ids is sorted.
func allocate(strategy string, n int, ids []string, client string) (queues []int) {
	at, ok := slices.BinarySearch(ids, client)
	if !ok {
		return nil
	}
	switch strategy {
	case "AVG":
		return share(n, len(ids), at)
	case "AVG_BY_CIRCLE":
		for q := at; q < n; q += len(ids) {
			queues = append(queues, q)
		}
	}
	return queues
}

// share returns the at-th of parts runs into which n queues are divided, the
// longer ones first.
func share(n, parts, at int) (queues []int) {
	size, rest := n/parts, n%parts
	from := at*size + min(at, rest)
	if at < rest {
		size++
	}
	for q := from; q < from+size; q++ {
		queues = append(queues, q)
	}
	return queues
}
