package broker

import (
	"strings"

	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/store/table"
)

const (
	maxBatch = 32768 // messages; 2 MiB of the smallest that clients send

	// Batches above largeBatch messages take a megabyte and more while they
	// are stored: only largeBatches of them are, others wait in their sockets.
	largeBatch   = 2048
	largeBatches = 2
)

// sendBatch stores the messages in req's body as consecutive records of one
// queue: all, or none.
func (b *Broker) sendBatch(req *remoting.Request, h *sendHeader, topic *table.Topic) error {
	if strings.HasPrefix(topic.Name, table.RetryPrefix) {
		return refuse(remoting.RespMessageIllegal, "a batch cannot go to a retry topic")
	}
	count, err := countBatch(req.Body)
	if err != nil {
		return err
	}
	s := b.sends.get()
	if count > largeBatch && !s.enterLarge(req.Conn().Done()) {
		s.release()
		return nil // the connection is gone
	}
	s.ms, s.queueID = make([]record.Message, count), h.queueID
	if err := b.fillBatch(s.ms, req, h, topic); err != nil {
		s.release()
		return err
	}
	return b.put(s, req)
}

// countBatch returns how many messages a well-formed batch has.
func countBatch(body []byte) (count int, err error) {
	for _, err := range record.DecodeBatch(body) {
		if err != nil {
			return 0, err
		}
		if count++; count > maxBatch {
			return 0, refuse(remoting.RespMessageIllegal, "a batch has at most %d messages", maxBatch)
		}
	}
	return count, nil
}

// fillBatch sets ms to the messages of req's body, which countBatch has seen.
func (b *Broker) fillBatch(ms []record.Message, req *remoting.Request, h *sendHeader, topic *table.Topic) error {
	i := 0
	for entry := range record.DecodeBatch(req.Body) {
		props := string(entry.Properties)
		w, err := b.readProperties(props)
		if err != nil {
			return err
		}
		if err := w.check(h.sysFlag); err != nil {
			return err
		}
		if w.delay > 0 || w.timer && !w.timed {
			return errDelayed
		}
		m := &ms[i]
		b.fill(m, req, h, topic)
		m.Flag, m.Body, m.Properties = entry.Flag, entry.Body, b.withOwn(props, w)
		i++
	}
	return nil
}
