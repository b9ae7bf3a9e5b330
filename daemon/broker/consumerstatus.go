package broker

import (
	"encoding/json"
	"sync"

	"pairmq/internal/javajson"
	"pairmq/internal/remoting"
)

// maxConsumerStatus is how many bytes of consumers' answers go into the answer to a
// request 223.
const maxConsumerStatus = 1 << 20

// consumerStatus serves INVOKE_BROKER_TO_GET_CONSUMER_STATUS, 223: how far the consumers of
// a group say that they are in a topic, by client id; clientAddr: one of them alone. As
// with RocketMQ those are missing that do not answer. Nothing waits for them meanwhile.
func (b *Broker) consumerStatus(req *remoting.Request) error {
	topic, group, only := req.Fields.Get("topic"), req.Fields.Get("group"), req.Fields.Get("clientAddr")
	all := b.clients.clientIDs(group)
	if len(all) == 0 {
		return refuse(remoting.RespSystemError, "No Any Consumer online in the consumer group: [%.255s]", group)
	}
	if only != "" {
		for conn, id := range all {
			if id != only {
				delete(all, conn)
			}
		}
	}
	s := &statuses{left: len(all) + 1, reply: func(s *statuses) {
		if s.over {
			req.ReplyError(remoting.RespSystemError, "the consumers say more than this broker passes on: ask for one of them, by clientAddr")
			return
		}
		replyBody(req, append(append([]byte(`{"consumerTable":{`), s.body...), `},"messageQueueTable":{}}`...))
	}}
	f := remoting.Fields{{Key: "topic", Value: topic}, {Key: "group", Value: group}}
	for conn, id := range all {
		cmd := &remoting.Command{Code: remoting.ReqGetConsumerStatusFromClient, Language: remoting.Go, Version: remoting.Version, Fields: f}
		conn.Go(cmd, pushTime, func(answer *remoting.Command, err error) {
			if err != nil || answer.Code != remoting.RespSuccess {
				answer = &remoting.Command{}
			}
			s.add(id, answer.Body)
		})
	}
	s.add("", nil)
	return nil
}

// statuses are what consumers have said so far.
type statuses struct {
	reply func(*statuses) // once nobody is left

	mu   sync.Mutex // guards the rest
	left int        // that have not answered
	over bool       // they say too much
	body []byte     // members of the object consumerTable
}

// add notes the answer of one, which has the offsets as Java writes maps with queues as keys.
func (s *statuses) add(id string, answer []byte) {
	table, err := javajson.Member(answer, "messageQueueTable")
	name, nameErr := json.Marshal(id)
	s.mu.Lock()
	switch {
	case err != nil || nameErr != nil || len(table) == 0 || table[0] != '{':
	case s.over || len(s.body)+len(name)+len(table) > maxConsumerStatus:
		s.over = true
	default:
		if len(s.body) > 0 {
			s.body = append(s.body, ',')
		}
		s.body = append(append(append(s.body, name...), ':'), table...)
	}
	s.left--
	last := s.left == 0
	s.mu.Unlock()
	if last {
		s.reply(s)
	}
}
