package main

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"pairmq/store/record"
)

// A message is one that was read, and the queue it came from.
type message struct {
	record.Message
	queue queue
	note  string // why the body is not in the clear; empty when it is
}

// Bits of a message's sysFlag that tell how its body is compressed.
const (
	compressed       = 1 << 0
	compressionMask  = 7 << 8
	compressionLZ4   = 1 << 8
	compressionZstd  = 2 << 8
	maxDecompressed  = 16 << 20 // bytes; beyond that the body stays as it is
	decompressFailed = "the body cannot be decompressed: "
)

// newMessage returns the message of a record, with its body decompressed where
// the standard library knows how.
func newMessage(m record.Message, q queue) message {
	out := message{Message: m, queue: q}
	if m.SysFlag&compressed == 0 {
		return out
	}
	switch m.SysFlag & compressionMask {
	case compressionLZ4:
		out.note = "the body is compressed with LZ4"
	case compressionZstd:
		out.note = "the body is compressed with Zstandard"
	default:
		body, err := inflate(m.Body)
		if err != nil {
			out.note = decompressFailed + err.Error()
			return out
		}
		out.Body = body
	}
	return out
}

func inflate(b []byte) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r, maxDecompressed+1))
	if err == nil && len(body) > maxDecompressed {
		err = fmt.Errorf("more than %d bytes", maxDecompressed)
	}
	return body, err
}

// property returns a property of the message, or "".
func (m *message) property(name string) string {
	v, _ := record.Property(m.Properties, name)
	return v
}

// matches tells whether the filter takes the message: brokers compare hashes,
// so the tags themselves are compared here.
func (f tagFilter) matches(m *message) bool {
	return len(f.tags) == 0 || slices.Contains(f.tags, m.property(record.PropertyTags))
}

// MarshalJSON writes the message for programs. The body is text if it is
// UTF-8, else base64 under another name.
func (m message) MarshalJSON() ([]byte, error) {
	out := struct {
		Topic          string            `json:"topic"`
		BrokerName     string            `json:"brokerName,omitempty"`
		QueueID        int32             `json:"queueId"`
		QueueOffset    int64             `json:"queueOffset"`
		MsgID          string            `json:"msgId,omitempty"`
		OffsetMsgID    string            `json:"offsetMsgId"`
		Tags           string            `json:"tags,omitempty"`
		Keys           string            `json:"keys,omitempty"`
		Flag           int32             `json:"flag"`
		BornTimestamp  int64             `json:"bornTimestamp"`
		BornHost       string            `json:"bornHost"`
		StoreTimestamp int64             `json:"storeTimestamp"`
		ReconsumeTimes int32             `json:"reconsumeTimes"`
		Properties     map[string]string `json:"properties"`
		Note           string            `json:"note,omitempty"`
		Body           *string           `json:"body,omitempty"`
		BodyBase64     []byte            `json:"bodyBase64,omitempty"`
	}{
		Topic: m.Topic, BrokerName: m.queue.broker, QueueID: m.QueueID, QueueOffset: m.QueueOffset,
		MsgID: m.property(record.PropertyUniqKey), OffsetMsgID: record.MessageID(m.StoreHost, m.PhyOffset),
		Tags: m.property(record.PropertyTags), Keys: m.property(record.PropertyKeys), Flag: m.Flag,
		BornTimestamp: m.BornTimestamp, BornHost: m.BornHost.String(), StoreTimestamp: m.StoreTimestamp,
		ReconsumeTimes: m.ReconsumeTimes, Properties: make(map[string]string), Note: m.note,
	}
	for name, value := range record.EachProperty(m.Properties) {
		out.Properties[name] = value
	}
	if utf8.Valid(m.Body) {
		body := string(m.Body)
		out.Body = &body
	} else {
		out.BodyBase64 = m.Body
	}
	return json.Marshal(out)
}

// printMessage writes one message: a line of JSON, its body alone, or a line
// for people in which nothing can harm a terminal.
func (e *env) printMessage(m message, raw bool) error {
	switch {
	case raw:
		_, err := e.out.Write(append(slices.Clip(m.Body), '\n'))
		return err
	case e.json:
		return e.printJSON(m)
	}
	text := safe(string(m.Body))
	if m.note != "" {
		text = "(" + m.note + ")"
	}
	_, err := fmt.Fprintf(e.out, "%s  offset %d  %s  tag %s  keys %s  %s\n", m.queue, m.QueueOffset, timestamp(m.StoreTimestamp),
		orDash(m.property(record.PropertyTags)), orDash(m.property(record.PropertyKeys)), text)
	return err
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return safe(s)
}
