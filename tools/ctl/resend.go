package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// resent counts what became of the messages in a file.
type resent struct {
	Sent    int            `json:"sent"`
	Unsure  int            `json:"unconfirmed"`      // of them, those stored without the promise that the broker makes
	Skipped map[string]int `json:"skipped"`          // by reason
	Failed  int            `json:"failed"`           // refused, or nobody answered
	Errors  []string       `json:"errors,omitempty"` // of the first ones that failed
	Other   int64          `json:"otherBytes"`       // that belong to no whole record
	last    error
}

// maxResendErrors is how many errors are told.
const maxResendErrors = 10

// resend sends the messages in a file once more, and calls each for every one that
// was stored. It stops where nobody answers; what became of those before is
// returned with the error.
func (s *session) resend(ctx context.Context, a resendArgs, each func()) (*resent, error) {
	file, err := statAside(a.file)
	if err != nil {
		return nil, err
	}
	r := &resending{session: s, args: a, topics: make(map[string]topicQueues), keys: newKeyMaker(file.modified), done: &resent{Skipped: make(map[string]int)}, each: each}
	err = file.each(func(p part) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !p.sound {
			r.done.Other += p.size
			return nil
		}
		return r.take(ctx, p.rec.Message())
	})
	return r.done, err
}

// resending is one resend under way.
type resending struct {
	*session
	args   resendArgs
	topics map[string]topicQueues
	keys   *keyMaker
	done   *resent
	each   func()
}

// topicQueues is what the name servers say of a topic.
type topicQueues struct {
	queues []queue
	err    error
}

// take sends one message, or counts why not.
func (r *resending) take(ctx context.Context, m record.Message) error {
	if why := r.skips(&m); why != "" {
		r.done.Skipped[why]++
		return nil
	}
	return r.deliver(ctx, m)
}

// deliver sends one message, or counts why that failed.
func (r *resending) deliver(ctx context.Context, m record.Message) error {
	if r.args.dryRun {
		r.done.Sent++
		return nil
	}
	st, err := r.send(ctx, &m)
	switch {
	case err == nil:
		r.done.Sent++
		if st.Status != sendOK {
			r.done.Unsure++
		}
		r.each()
		return nil
	case ctx.Err() != nil || unreachable(err):
		return fmt.Errorf("the message at %d of the log: %w", m.PhyOffset, err)
	}
	r.done.Failed++
	r.done.last = err
	if len(r.done.Errors) < maxResendErrors {
		r.done.Errors = append(r.done.Errors, fmt.Sprintf("the message at %d of the log: %v", m.PhyOffset, err))
	}
	return nil
}

// skips says why a message is not to be sent, if it is not.
func (r *resending) skips(m *record.Message) string {
	switch tran := m.SysFlag & record.SysTransactionMask; {
	case r.args.topic != "" && m.Topic != r.args.topic:
		return "of another topic"
	case ownTopic(m.Topic):
		return "of a topic of RocketMQ itself"
	case tran == record.SysPrepared || tran == record.SysRollback:
		return "of a transaction that was not committed"
	}
	return ""
}

// ownTopic says whether RocketMQ keeps a topic for itself: what is in it is no
// message of a client.
func ownTopic(topic string) bool {
	switch topic {
	case templateTopic, "SCHEDULE_TOPIC_XXXX", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT", "TRANS_CHECK_MAX_TIME_TOPIC":
		return true
	}
	return strings.HasPrefix(strings.ToLower(topic), "rmq_sys_")
}

// send sends one message to the queue with its number, or where a client would try
// again, to another one.
func (r *resending) send(ctx context.Context, m *record.Message) (st sent, err error) {
	t, ok := r.topics[m.Topic]
	if !ok {
		t.queues, _, t.err = r.publishQueues(ctx, m.Topic, false)
		r.topics[m.Topic] = t
	}
	if t.err != nil {
		return st, t.err
	}
	qs := t.queues
	first := max(0, slices.IndexFunc(qs, func(q queue) bool { return q.id == m.QueueID }))
	for try := range 3 {
		q := qs[(first+try)%len(qs)]
		if q.id == anyQueue && try == 0 {
			q.id = m.QueueID
		}
		if st, err = r.sendTo(ctx, q, m); err == nil || ctx.Err() != nil || !triesAgain(err) {
			break
		}
	}
	return st, err
}

// Bits of a sysFlag that are the client's: the broker sets the others anew.
const clientSysFlag = record.SysCompressed | record.SysMultiTags | compressionMask

func (r *resending) sendTo(ctx context.Context, q queue, m *record.Message) (sent, error) {
	props := m.Properties
	// The broker adds its own of the first two, and what was delayed has waited already.
	for _, name := range []string{"CLUSTER", record.CRCProperty, "DELAY"} {
		props = record.RemoveProperty(props, name)
	}
	key, ok := record.Property(props, record.PropertyUniqKey)
	if !ok {
		key = r.keys.next()
		props = record.AppendProperty(props, record.PropertyUniqKey, key)
	}
	return r.store(ctx, q, key, &remoting.Command{
		Code: remoting.ReqSendMessageV2, Body: m.Body,
		Fields: remoting.Fields{
			{Key: "a", Value: r.args.group}, {Key: "b", Value: m.Topic}, {Key: "c", Value: ""}, {Key: "d", Value: "4"},
			{Key: "e", Value: strconv.Itoa(int(q.id))}, {Key: "f", Value: strconv.Itoa(int(m.SysFlag & clientSysFlag))},
			{Key: "g", Value: strconv.FormatInt(m.BornTimestamp, 10)}, {Key: "h", Value: strconv.Itoa(int(m.Flag))},
			{Key: "i", Value: props}, {Key: "j", Value: strconv.Itoa(int(m.ReconsumeTimes))}, {Key: "k", Value: "false"}, {Key: "m", Value: "false"},
		},
	})
}

// failure returns an error if some messages failed: errPartly if others did not.
func (r *resent) failure() error {
	switch {
	case r.Failed > 0 && r.Sent > 0:
		return fmt.Errorf("%w: %d messages were sent, %d failed: %w", errPartly, r.Sent, r.Failed, r.last)
	case r.Failed > 0:
		return fmt.Errorf("none of %d messages was sent: %w", r.Failed, r.last)
	case r.Unsure > 0:
		return fmt.Errorf("%w: of %d messages that were stored, %d have their flush or replication unconfirmed", errPartly, r.Sent, r.Unsure)
	}
	return nil
}

// printResent writes what became of the messages.
func (e *env) printResent(r *resent, dryRun bool) error {
	if e.json {
		return e.printJSON(r)
	}
	for _, text := range r.Errors {
		fmt.Fprintln(e.err, safe(text))
	}
	text := "sent"
	if dryRun {
		text = "would be sent"
	}
	text = fmt.Sprintf("%s %d", text, r.Sent)
	for _, why := range slices.Sorted(maps.Keys(r.Skipped)) {
		text += fmt.Sprintf(", skipped %d %s", r.Skipped[why], why)
	}
	if r.Failed > 0 {
		text += fmt.Sprintf(", failed %d", r.Failed)
	}
	if r.Other > 0 {
		text += fmt.Sprintf("; %d bytes belong to no whole message", r.Other)
	}
	_, err := fmt.Fprintln(e.out, text)
	return err
}
