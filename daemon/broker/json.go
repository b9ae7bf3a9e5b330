package broker

import (
	"encoding/json"
	"strconv"

	"pairmq/internal/remoting"
)

// decodeJSON reads the body of a request into v. It refuses one that is large,
// deeply nested, has very many values or is no JSON of that shape.
func (b *Broker) decodeJSON(body []byte, v any) error {
	return b.decoding(body, func() error {
		if err := json.Unmarshal(body, v); err != nil {
			return refuse(remoting.RespSystemError, "the body is not understood: %v", err)
		}
		return nil
	})
}

// decoding calls decode for a body that is not too much for it. What is decoded may be
// seventy times as large as its text, while it grows twice that, so that those that are
// not small are decoded one at a time.
func (b *Broker) decoding(body []byte, decode func() error) error {
	if len(body) > maxJSONBody {
		return refuse(remoting.RespSystemError, "the body has %d bytes, at most %d are read", len(body), maxJSONBody)
	}
	if err := checkShape(body); err != nil {
		return err
	}
	if len(body) > smallJSON {
		b.largeJSON <- struct{}{}
		defer func() { <-b.largeJSON }()
	}
	return decode()
}

// checkShape refuses b, which is taken to be JSON, if it nests deeper than maxJSONDepth or
// has more than maxJSONValues objects, arrays and commas.
func checkShape(b []byte) error {
	depth, values, quoted := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxJSONDepth {
				return refuse(remoting.RespSystemError, "the body nests deeper than %d levels", maxJSONDepth)
			}
			values++
		case c == '}' || c == ']':
			depth--
		case c == ',':
			values++
		}
	}
	if values > maxJSONValues {
		return refuse(remoting.RespSystemError, "the body has %d values, at most %d are read", values, maxJSONValues)
	}
	return nil
}

// entryBytes is what one topic, group or client of an answer that has all of them takes
// while it is made: as a value, as JSON, and as the JSON grows.
const entryBytes = 600

// roomFor waits until there is room for an answer with n entries, before it is made: many
// who ask at once for all there is get it one after the other.
func roomFor(req *remoting.Request, n int) error { return req.Reserve(n * entryBytes) }

// replyJSON answers req with v as its body.
func replyJSON(req *remoting.Request, v any) error { return replyRemark(req, "", v) }

// replyRemark is replyJSON with a remark for people.
func replyRemark(req *remoting.Request, remark string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	req.Reply(&remoting.Response{Remark: remark, Body: body, Release: func() {}})
	return nil
}

// replyAll is replyJSON with the number of what v has, for clients of 5.4 that would ask
// for the rest and complain where the number is not told.
func replyAll(req *remoting.Request, name string, count int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	req.Reply(&remoting.Response{Fields: remoting.Fields{{Key: name, Value: strconv.Itoa(count)}}, Body: body, Release: func() {}})
	return nil
}

// replyBody answers req with a body that is nobody else's.
func replyBody(req *remoting.Request, body []byte) {
	req.Reply(&remoting.Response{Body: body, Release: func() {}})
}

// replyDone answers req with success and nothing more.
func replyDone(req *remoting.Request) { req.Reply(&remoting.Response{}) }

// replyNumber answers req with one header field.
func replyNumber(req *remoting.Request, name string, v int64) {
	req.Reply(&remoting.Response{Fields: remoting.Fields{{Key: name, Value: strconv.FormatInt(v, 10)}}})
}

// A messageQueue names a queue as bodies do.
type messageQueue struct {
	BrokerName string `json:"brokerName"`
	QueueID    int32  `json:"queueId"`
	Topic      string `json:"topic"`
}

// A queueMap is JSON with message queues as keys, raw objects without quotes as
// RocketMQ has them: no other form is understood by clients of both versions.
type queueMap struct {
	buf   []byte
	count int
}

// add appends a queue and its value, whatever marshals to JSON.
func (m *queueMap) add(q messageQueue, value any) error {
	k, err := json.Marshal(q)
	if err != nil {
		return err
	}
	v, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if m.count > 0 {
		m.buf = append(m.buf, ',')
	}
	m.count++
	m.buf = append(append(append(m.buf, k...), ':'), v...)
	return nil
}

// body is the map as the last member of an object that begins with head, such
// as `{"offsetTable":`.
func (m *queueMap) body(head string) []byte {
	return append(append(append([]byte(head), '{'), m.buf...), '}', '}')
}
