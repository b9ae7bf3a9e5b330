package timer

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"pairmq/daemon/broker/schedule"
	"pairmq/store/record"
)

// ErrHandle: what should be a recall handle is none.
var ErrHandle = errors.New("timer: recall handle is invalid")

// A Handle names a message that waits, as the answer to its send does, for request 370.
// Its text is the base64 of URLs of "v1 topic brokerName due uniqueKey".
//
// Format: RocketMQ 5.4.0, common/producer/RecallMessageHandle.
type Handle struct {
	Topic, BrokerName string
	Due               int64 // ms since 1970, TIMER_OUT_MS and one; -1 if it is no number
	Key               string
}

const (
	handleVersion = "v1"
	maxHandle     = 8 << 10 // bytes of text
	recallTag     = "_RECALL_TAG_"
)

// HandleOf returns the handle of a message that waits since Defer at the broker of that
// name; false if it has no UNIQ_KEY, without which nobody finds it.
func HandleOf(m *record.Message, brokerName string) (h Handle, ok bool) {
	key, ok := record.Property(m.Properties, record.PropertyUniqKey)
	out, err := outOf(m.Properties)
	topic, _ := record.Property(m.Properties, propertyRealTopic)
	return Handle{topic, brokerName, out + 1, key}, ok && err == nil && m.Topic == Topic
}

// String returns the text of h.
func (h Handle) String() string {
	return base64.URLEncoding.EncodeToString([]byte(strings.Join([]string{handleVersion, h.Topic, h.BrokerName, strconv.FormatInt(h.Due, 10), h.Key}, " ")))
}

// DecodeHandle reads the text of a handle, padded or not. It fails with ErrHandle.
func DecodeHandle(text string) (Handle, error) {
	if len(text) > maxHandle || strings.ContainsAny(text, "\r\n") {
		return Handle{}, ErrHandle
	}
	encoding := base64.RawURLEncoding
	if strings.HasSuffix(text, "=") {
		encoding = base64.URLEncoding
	}
	b, err := encoding.DecodeString(text)
	if err != nil {
		return Handle{}, ErrHandle
	}
	items := strings.Split(strings.TrimRight(string(b), " "), " ")
	if len(items) < 5 || items[0] != handleVersion || items[4] == "" {
		return Handle{}, ErrHandle
	}
	due, err := strconv.ParseInt(items[3], 10, 64)
	if err != nil {
		due = -1
	}
	return Handle{items[1], items[2], due, items[4]}, nil
}

// Recall makes m the message that takes back the one of h, for Defer; group is the
// producer's. Its other fields are left alone.
func Recall(m *record.Message, h Handle, group string) {
	m.Topic, m.QueueID, m.Body, m.Properties = h.Topic, 0, []byte("0"), ""
	for _, p := range [...][2]string{
		{"TAGS", recallTag}, {PropertyDelete, h.Key}, {record.PropertyUniqKey, h.Key}, {PropertyDeliverMs, strconv.FormatInt(h.Due, 10)}, {"PGROUP", group},
	} {
		m.Properties = record.AppendProperty(m.Properties, p[0], p[1])
	}
}

// recall notes of what waits that it is not to be delivered, since r says so, which was
// read from the queue.
func (s *Service) recall(r *record.View, key string) {
	real, _ := r.Property(propertyRealTopic)
	key = strings.TrimPrefix(key, string(real)+"+") // as later versions have it
	log := s.log.With("phyOffset", r.PhyOffset())
	later := false // what waits was stored anew meanwhile: who has the log from there on alone must know too
	for _, at := range s.st.FindUnique(Topic, key, 0, candidates) {
		_, known := s.recalled[at]
		rec, err := s.st.RecordAt(at)
		if err != nil || known || at < s.floor {
			continue
		}
		w, err := record.Parse(rec, record.Limits{Record: len(rec)})
		if err != nil || !recalls(r, &w, real, key) {
			continue
		}
		if m, err := delivered(&w, 0); err != nil || schedule.WasDelivered(s.st, &w, &m) {
			continue
		}
		if len(s.recalled) >= maxRecalled {
			log.Error("a message is not recalled: too many are, and wait", "count", len(s.recalled))
			return
		}
		s.recalled[at] = struct{}{}
		s.fresh = append(s.fresh, at)
		later = later || at > r.PhyOffset()
	}
	if !later {
		return
	}
	m := r.Message()
	out, err := outOf(m.Properties)
	if err == nil {
		err = s.st.PutAnew([]record.Message{again(m, out)}, func(error) {})
	}
	if err != nil {
		log.Warn("what recalls a message is not stored behind it: a slave may deliver it", "err", err)
	}
}

// recalls says whether r takes back w: that waits for the topic real and has the key, and
// has the TIMER_OUT_MS that r has, or r's handle. A client that sends a message again has
// it keep its key, so that another time, and a place behind r, are another message's; what
// was stored anew is behind r and has another TIMER_OUT_MS by that.
func recalls(r, w *record.View, real []byte, key string) bool {
	_, another := w.Property(PropertyDelete)
	got, _ := w.Property(record.PropertyUniqKey)
	topic, _ := w.Property(propertyRealTopic)
	if another || string(w.Topic()) != Topic || string(got) != key || string(topic) != string(real) {
		return false
	}
	if _, rolled := w.Property(propertyRollTimes); rolled {
		return true
	}
	props := r.Message().Properties
	out, err := outOf(w.Message().Properties)
	own, _ := outOf(props)
	due, _, _ := when(props, 0)
	return err == nil && w.PhyOffset() < r.PhyOffset() && (out == own || out == due-1)
}

// MayRecall says whether another message can be recalled: so many are remembered.
func (s *Service) MayRecall() bool { return s.recalledCount.Load() < maxRecalled }

// forgetRecalled drops what the log does not have any more, or is void.
func (s *Service) forgetRecalled() {
	for at := range s.recalled {
		if at < max(s.floor, s.st.Start()) {
			delete(s.recalled, at)
			s.gone = append(s.gone, at)
		}
	}
}
