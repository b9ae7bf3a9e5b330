package loadgen

import (
	"context"
	"fmt"
	"strconv"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// CreateTopic makes a topic with that many queues on the target's broker, or
// changes the one there is.
func CreateTopic(ctx context.Context, t Target, topic string, queues int) error {
	if err := table.CheckTopicName(topic); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	n := strconv.Itoa(queues)
	_, err := t.call(ctx, remoting.ReqUpdateAndCreateTopic, remoting.Fields{
		{Key: "topic", Value: topic}, {Key: "defaultTopic", Value: "TBW102"},
		{Key: "readQueueNums", Value: n}, {Key: "writeQueueNums", Value: n},
		{Key: "perm", Value: strconv.Itoa(int(table.PermRead | table.PermWrite))},
		{Key: "topicFilterType", Value: "SINGLE_TAG"}, {Key: "topicSysFlag", Value: "0"}, {Key: "order", Value: "false"},
	})
	return err
}

// DeleteTopic deletes a topic, with its messages, from the target's broker.
func DeleteTopic(ctx context.Context, t Target, topic string) error {
	_, err := t.call(ctx, remoting.ReqDeleteTopicInBroker, remoting.Fields{{Key: "topic", Value: topic}})
	return err
}

// Stored returns how many messages the broker has to give to consumers in
// those queues of a topic: the sum of their maximum less their minimum offset.
func Stored(ctx context.Context, t Target, topic string, queues int) (int64, error) {
	var sum int64
	for q := range queues {
		f := remoting.Fields{{Key: "topic", Value: topic}, {Key: "queueId", Value: strconv.Itoa(q)}}
		end, err := t.offset(ctx, remoting.ReqGetMaxOffset, f)
		if err != nil {
			return 0, err
		}
		begin, err := t.offset(ctx, remoting.ReqGetMinOffset, f)
		if err != nil {
			return 0, err
		}
		sum += end - begin
	}
	return sum, nil
}

func (t Target) offset(ctx context.Context, code int32, f remoting.Fields) (int64, error) {
	resp, err := t.call(ctx, code, f)
	if err != nil {
		return 0, err
	}
	return resp.Fields.Int64("offset")
}

// call sends one request on a connection of its own.
func (t Target) call(ctx context.Context, code int32, f remoting.Fields) (*remoting.Command, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout())
	defer cancel()
	c := remoting.NewClient(remoting.ClientOptions{Dial: t.Dial})
	defer c.Close()
	resp, err := c.Call(ctx, t.Addr, &remoting.Command{Code: code, Fields: f})
	if err != nil {
		return nil, fmt.Errorf("loadgen: request %d: %w", code, err)
	}
	if resp.Code != remoting.RespSuccess {
		return nil, fmt.Errorf("%w: request %d answered with code %d: %s", ErrRefused, code, resp.Code, resp.Remark)
	}
	return resp, nil
}
