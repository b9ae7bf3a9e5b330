package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// errEnough: no more messages are wanted.
var errEnough = errors.New("enough")

// exportBroker exports what a broker has now, a queue after the other.
func (s *session) exportBroker(ctx context.Context, a exportArgs, x *exporter) error {
	all, err := s.topicTable(ctx, s.broker)
	if err != nil {
		return err
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), ownTopic)
	if a.topic != "" {
		if _, ok := all[a.topic]; !ok {
			return fmt.Errorf("%w: %s has no topic %s", errNotFound, s.broker, a.topic)
		}
		names = []string{a.topic}
	}
	p := newProgress(s.env, "messages exported", a.file != "")
	defer p.done()
	for _, name := range names {
		for _, q := range numbered(queue{addr: s.broker}, all[name].ReadQueueNums) {
			if a.queue >= 0 && q.id != a.queue {
				continue
			}
			err := s.exportQueue(ctx, consumeArgs{topic: name, tags: parseTags("")}, q, a, func(v record.View) error {
				p.add(1)
				return x.write(v)
			}, x)
			if errors.Is(err, errEnough) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("topic %s: %w", safe(name), err)
			}
		}
	}
	return nil
}

// exportQueue exports one queue as far as it reaches when it is begun.
func (s *session) exportQueue(ctx context.Context, c consumeArgs, q queue, a exportArgs, write func(record.View) error, x *exporter) error {
	fields := remoting.Fields{{Key: "topic", Value: c.topic}, {Key: "queueId", Value: strconv.Itoa(int(q.id))}}
	end, err := s.offset(ctx, q, remoting.ReqGetMaxOffset, fields)
	if err != nil {
		return err
	}
	if a.end > 0 {
		end = min(end, a.end)
	}
	c.from = start{at: atFirst}
	if a.since > 0 {
		c.from = start{at: atTime, time: a.since}
	}
	at, err := s.begin(ctx, c, q)
	if err != nil {
		return err
	}
	for at = max(at, a.first); at < end; {
		body, next, last, err := s.pullRecords(ctx, c, q, at)
		if err != nil {
			return err
		}
		for len(body) > 0 {
			v, err := record.Parse(body, record.Limits{Record: len(body)})
			if err != nil {
				return fmt.Errorf("%s, queue %s: %w", q.addr, q, err)
			}
			if body = body[v.Size():]; v.QueueOffset() < end && a.has(&v) {
				if err := write(v); err != nil {
					return err
				}
				if x.messages == a.limit {
					return errEnough
				}
			} else if a.until > 0 && v.StoreTimestamp() > a.until {
				return nil // none behind it was stored earlier
			}
		}
		if last || next <= at {
			return nil
		}
		at = next
	}
	return nil
}
