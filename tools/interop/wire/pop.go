package wire

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// OrderedRevive is the reviveQid of ordered pops.
const OrderedRevive = 999

// A Popped is the answer to an ordered pop; without Records nothing could be popped.
type Popped struct {
	Records            []Record // of one queue, with ReconsumeTimes as a 5.4.0 client sets them
	PopTime, Invisible int64    // ms
	Start              int64    // queue offset
}

// PopOrdered pops up to most messages of all queues in order, as a 5.4.0 client that knows
// the attempt; "" sends none. The broker may hold it.
func (c *Conn) PopOrdered(ctx context.Context, group, topic, attempt string, most int, invisible, hold time.Duration) (p Popped, err error) {
	req := NewCommand(Pop, "consumerGroup", group, "topic", topic, "queueId", -1, "maxMsgNums", most, "invisibleTime", invisible.Milliseconds(),
		"pollTime", hold.Milliseconds(), "bornTime", time.Now().UnixMilli(), "initMode", 0, "expType", "TAG", "exp", "*", "order", true)
	if attempt != "" {
		req = req.With("attemptId", attempt)
	}
	resp, err := c.Call(ctx, req)
	if err != nil {
		return p, err
	}
	if resp.Code == PollingTimeout {
		return p, nil
	}
	if err := resp.Err(); err != nil {
		return p, err
	}
	if revive := resp.ExtFields["reviveQid"]; revive != strconv.Itoa(OrderedRevive) {
		return p, fmt.Errorf("wire: an ordered pop has the reviveQid %q", revive)
	}
	if p.Records, err = DecodeRecords(resp.Body); err != nil {
		return p, err
	}
	for field, to := range map[string]*int64{"popTime": &p.PopTime, "invisibleTime": &p.Invisible} {
		if *to, err = resp.Int64(field); err != nil {
			return p, err
		}
	}
	start := strings.Fields(resp.ExtFields["startOffsetInfo"]) // kind, queue, offset
	if len(start) != 3 {
		return p, fmt.Errorf("wire: startOffsetInfo %q", resp.ExtFields["startOffsetInfo"])
	}
	if p.Start, err = strconv.ParseInt(start[2], 10, 64); err != nil {
		return p, fmt.Errorf("wire: startOffsetInfo: %w", err)
	}
	counts := map[string]string{} // by what they are of
	for info := range strings.SplitSeq(resp.ExtFields["orderCountInfo"], ";") {
		if f := strings.Fields(info); len(f) == 3 {
			counts[f[1]] = f[2]
		}
	}
	for i := range p.Records {
		r := &p.Records[i]
		n, ok := counts[fmt.Sprintf("qo%d%%%d", r.QueueID, r.QueueOffset)]
		if !ok {
			n = counts[strconv.Itoa(int(r.QueueID))]
		}
		count, err := strconv.Atoi(n)
		if err != nil {
			return p, fmt.Errorf("wire: orderCountInfo %q of the message at %d in queue %d", resp.ExtFields["orderCountInfo"], r.QueueOffset, r.QueueID)
		}
		if count > 0 {
			r.ReconsumeTimes = int32(count)
		}
	}
	return p, nil
}

// AckOrdered acknowledges the i-th message of p, and returns the code of the answer.
func (c *Conn) AckOrdered(ctx context.Context, group, broker string, p *Popped, i int) (int, error) {
	resp, err := c.Call(ctx, p.request(Ack, group, broker, i))
	if err != nil {
		return 0, err
	}
	return resp.Code, nil
}

// ChangeOrdered has the i-th message of p be invisible for so long from now on. Handles of
// it remain what they are.
func (c *Conn) ChangeOrdered(ctx context.Context, group, broker string, p *Popped, i int, invisible time.Duration) error {
	resp, err := c.Do(ctx, p.request(ChangeInvisible, group, broker, i).With("invisibleTime", invisible.Milliseconds()))
	if err != nil {
		return err
	}
	if at, err := resp.Int64("popTime"); err != nil || at != p.PopTime || resp.ExtFields["reviveQid"] != strconv.Itoa(OrderedRevive) {
		return fmt.Errorf("wire: a change of what was popped at %d answers %v", p.PopTime, resp.ExtFields)
	}
	return nil
}

// AckAllOrdered acknowledges all of p at once.
func (c *Conn) AckAllOrdered(ctx context.Context, group, broker string, p *Popped) error {
	first := p.Records[0]
	last := p.Records[len(p.Records)-1].QueueOffset
	set := make([]byte, (last-p.Start)/8+1)
	for _, r := range p.Records {
		i := r.QueueOffset - p.Start
		set[i/8] |= 1 << (i % 8)
	}
	req := NewCommand(BatchAck)
	req.Body = fmt.Appendf(nil, `{"brokerName":%q,"acks":[{"c":%q,"t":%q,"r":"0","so":%d,"q":%d,"rq":%d,"pt":%d,"it":%d,"b":%q}]}`,
		broker, group, first.Topic, p.Start, first.QueueID, OrderedRevive, p.PopTime, p.Invisible, base64.StdEncoding.EncodeToString(set))
	_, err := c.Do(ctx, req)
	return err
}

func (p *Popped) request(code int, group, broker string, i int) *Command {
	r := p.Records[i]
	handle := fmt.Sprintf("%d %d %d %d 0 %s %d %d", p.Start, p.PopTime, p.Invisible, OrderedRevive, broker, r.QueueID, r.QueueOffset)
	return NewCommand(code, "consumerGroup", group, "topic", r.Topic, "queueId", r.QueueID, "offset", r.QueueOffset, "extraInfo", handle)
}
