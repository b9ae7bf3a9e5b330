package wire

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Message is what Send sends.
type Message struct {
	Topic      string
	QueueID    int32
	SysFlag    int32
	Flag       int32
	Properties map[string]string
	Body       []byte
}

// A Receipt is what the broker told about a stored message.
type Receipt struct {
	Code        int // Success or one of the codes that mean stored but not as promised
	MsgID       string
	QueueID     int32
	QueueOffset int64
}

// SendRequest is the request (code 310) that Send makes.
func SendRequest(m Message) *Command {
	req := NewCommand(SendMessageV2, "a", "interop-wire", "b", m.Topic, "c", "TBW102", "d", 4, "e", m.QueueID, "f", m.SysFlag,
		"g", time.Now().UnixMilli(), "h", m.Flag, "i", PropertiesText(m.Properties), "j", 0, "k", false, "m", false)
	req.Body = m.Body
	return req
}

// PropertiesText is a property table as text, in the order of its names.
func PropertiesText(p map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(p)) {
		b.WriteString(k + "\x01" + p[k] + "\x02")
	}
	return b.String()
}

// BatchEntry is one message as it stands in a batch's body.
func BatchEntry(flag int32, body []byte, properties string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(22+len(body)+len(properties)))
	b = append(b, make([]byte, 8)...)
	b = binary.BigEndian.AppendUint32(b, uint32(flag))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(properties)))
	return append(b, properties...)
}

// Send sends one message and waits for the answer; answers 10, 11 and 12 count
// as stored, every other than success is an error.
func (c *Conn) Send(ctx context.Context, m Message) (Receipt, error) {
	resp, err := c.Call(ctx, SendRequest(m))
	if err != nil {
		return Receipt{}, err
	}
	if resp.Code != Success && (resp.Code < FlushDiskTimeout || resp.Code > FlushSlaveTimeout) {
		return Receipt{}, resp.Err()
	}
	queue, err := resp.Int64("queueId")
	if err != nil {
		return Receipt{}, err
	}
	offset, err := resp.Int64("queueOffset")
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{Code: resp.Code, MsgID: resp.ExtFields["msgId"], QueueID: int32(queue), QueueOffset: offset}, nil
}

// A Pulled is the answer to a pull.
type Pulled struct {
	Code      int
	Remark    string
	Next      int64
	Min, Max  int64
	Records   []Record
	BodyBytes int
}

// PullRequest is a pull of all tags; with hold > 0 the broker may hold it that long.
func PullRequest(group, topic string, queue int32, offset int64, hold time.Duration) *Command {
	flag := 4 // subscription included
	if hold > 0 {
		flag |= 2
	}
	return NewCommand(PullMessage, "consumerGroup", group, "topic", topic, "queueId", queue, "queueOffset", offset,
		"maxMsgNums", 32, "sysFlag", flag, "commitOffset", 0, "suspendTimeoutMillis", hold.Milliseconds(),
		"subscription", "*", "subVersion", 0, "expressionType", "TAG")
}

// Pull pulls from one queue; the codes 0, 19, 20 and 21 are answers, others errors.
func (c *Conn) Pull(ctx context.Context, group, topic string, queue int32, offset int64, hold time.Duration) (Pulled, error) {
	resp, err := c.Call(ctx, PullRequest(group, topic, queue, offset, hold))
	if err != nil {
		return Pulled{}, err
	}
	p := Pulled{Code: resp.Code, Remark: resp.Remark, BodyBytes: len(resp.Body)}
	switch resp.Code {
	case Success, PullNotFound, PullRetry, PullOffsetMoved:
	default:
		return p, resp.Err()
	}
	for field, to := range map[string]*int64{"nextBeginOffset": &p.Next, "minOffset": &p.Min, "maxOffset": &p.Max} {
		if *to, err = resp.Int64(field); err != nil {
			return p, err
		}
	}
	if p.Records, err = DecodeRecords(resp.Body); err == nil && (resp.Code == Success) != (len(p.Records) > 0) {
		err = fmt.Errorf("wire: pull answered %d with %d records", resp.Code, len(p.Records))
	}
	return p, err
}

// PullAll pulls a queue from offset to its end.
func (c *Conn) PullAll(ctx context.Context, topic string, queue int32, offset int64) ([]Record, error) {
	var all []Record
	for {
		p, err := c.Pull(ctx, "interop-wire", topic, queue, offset, 0)
		if err != nil {
			return all, fmt.Errorf("queue %d at %d: %w", queue, offset, err)
		}
		switch {
		case p.Code == PullNotFound && p.Next == offset:
			return all, nil
		case p.Code != Success:
			return all, fmt.Errorf("queue %d at %d: answer %d %s, next %d, min %d, max %d", queue, offset, p.Code, p.Remark, p.Next, p.Min, p.Max)
		}
		all, offset = append(all, p.Records...), p.Next
	}
}

// CreateTopic makes or changes a topic, readable and writable, as mqadmin does.
func (c *Conn) CreateTopic(ctx context.Context, topic string, queues int) error {
	_, err := c.Do(ctx, NewCommand(UpdateTopic, "topic", topic, "defaultTopic", "TBW102", "readQueueNums", queues, "writeQueueNums", queues,
		"perm", 6, "topicFilterType", "SINGLE_TAG", "topicSysFlag", 0, "order", false))
	return err
}

// ConsumerOffset asks for a committed offset; false means that there is none.
func (c *Conn) ConsumerOffset(ctx context.Context, group, topic string, queue int32) (int64, bool, error) {
	resp, err := c.Call(ctx, NewCommand(QueryConsumerOffset, "consumerGroup", group, "topic", topic, "queueId", queue))
	if err != nil {
		return 0, false, err
	}
	if resp.Code == QueryNotFound {
		return 0, false, nil
	}
	if err := resp.Err(); err != nil {
		return 0, false, err
	}
	n, err := resp.Int64("offset")
	return n, err == nil, err
}

// MaxOffset is the offset that a queue's next message gets.
func (c *Conn) MaxOffset(ctx context.Context, topic string, queue int32) (int64, error) {
	resp, err := c.Do(ctx, NewCommand(GetMaxOffset, "topic", topic, "queueId", queue))
	if err != nil {
		return 0, err
	}
	return resp.Int64("offset")
}

// Heartbeat registers a consumer that subscribes to all of one topic.
func (c *Conn) Heartbeat(ctx context.Context, clientID, group, topic string) error {
	type object = map[string]any
	body, err := json.Marshal(object{
		"clientID": clientID, "producerDataSet": []any{},
		"consumerDataSet": []any{object{
			"groupName": group, "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING",
			"consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET", "unitMode": false,
			"subscriptionDataSet": []any{object{
				"topic": topic, "subString": "*", "expressionType": "TAG", "tagsSet": []any{}, "codeSet": []any{},
				"subVersion": time.Now().UnixMilli(), "classFilterMode": false,
			}},
		}},
	})
	if err != nil {
		return fmt.Errorf("wire: heartbeat: %w", err)
	}
	req := NewCommand(HeartBeat)
	req.Body = body
	_, err = c.Do(ctx, req)
	return err
}
