package broker

import (
	"strconv"
	"sync"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// A sending is a send on its way through the store. It is reused.
type sending struct {
	pool *sendPool
	req  *remoting.Request
	ms   []record.Message // one[:], or a batch
	one  [1]record.Message
	// queueID is what the answer says: a delayed message waits in another one.
	queueID int32
	// transactionID is in the answer to a half, if it has one.
	transactionID string
	handle        string // recallHandle of a message that waits for its time
	large         bool   // holds one of the places for large batches
	done          func(error)

	resp   remoting.Response
	fields [6]remoting.Field
	text   []byte
}

// defaultRegion is RocketMQ's region of brokers that have none.
const defaultRegion = "DefaultRegion"

// finish replies when the store is done with the messages.
func (s *sending) finish(err error) {
	code, remark := responseCode(err)
	s.pool.refusals.add(err)
	s.resp = remoting.Response{Code: code, Remark: remark}
	if isStored(code) {
		s.pool.flows.put(s.ms[0].Topic, len(s.ms), sizeOf(s.ms))
		if !s.req.IsOneway() {
			s.resp.Fields = s.stored()
		}
	}
	s.req.Reply(&s.resp)
	s.release()
}

// stored returns the header fields that say where the messages are. The texts
// share one allocation.
func (s *sending) stored() remoting.Fields {
	first := &s.ms[0]
	text := s.text[:0]
	for i := range s.ms {
		if i > 0 {
			text = append(text, ',')
		}
		text = record.AppendMessageID(text, s.ms[i].StoreHost, s.ms[i].PhyOffset)
	}
	ids := len(text)
	text = strconv.AppendInt(text, first.QueueOffset, 10)
	offset := len(text)
	text = strconv.AppendInt(text, int64(s.queueID), 10)
	all := string(text)
	s.text = text
	fields := append(s.fields[:0], []remoting.Field{
		{Key: "msgId", Value: all[:ids]}, {Key: "queueOffset", Value: all[ids:offset]}, {Key: "queueId", Value: all[offset:]},
		{Key: "MSG_REGION", Value: defaultRegion}, {Key: "TRACE_ON", Value: "true"},
	}...)
	if s.transactionID != "" {
		fields = append(fields, remoting.Field{Key: "transactionId", Value: s.transactionID})
	}
	if s.handle != "" {
		fields = append(fields, remoting.Field{Key: "recallHandle", Value: s.handle})
	}
	return fields
}

// release gives s back; it must not be used any more.
func (s *sending) release() {
	p := s.pool
	if s.large {
		<-p.large
	}
	s.req, s.ms, s.large, s.transactionID, s.handle = nil, nil, false, "", ""
	s.one, s.resp, s.fields = [1]record.Message{}, remoting.Response{}, [6]remoting.Field{}
	if cap(s.text) > 4<<10 {
		s.text = nil
	}
	p.pool.Put(s)
}

// A sendPool keeps sendings for reuse and counts large batches.
type sendPool struct {
	pool  sync.Pool
	large chan struct{}

	refusals *refusals // what the store gave up on is counted there
	flows    *flows    // and here what it has
}

func (p *sendPool) init(r *refusals, f *flows) {
	p.large, p.refusals, p.flows = make(chan struct{}, largeBatches), r, f
}

func (p *sendPool) get() *sending {
	if s, ok := p.pool.Get().(*sending); ok {
		return s
	}
	s := &sending{pool: p}
	s.done = s.finish
	return s
}

// enterLarge waits for a place for a large batch; false if gone is closed first.
func (s *sending) enterLarge(gone <-chan struct{}) bool {
	select {
	case s.pool.large <- struct{}{}:
		s.large = true
	case <-gone:
	}
	return s.large
}
