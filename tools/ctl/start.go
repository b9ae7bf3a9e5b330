package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pairmq/internal/remoting"
)

// A start says where in a queue reading begins.
type start struct {
	at     startAt
	offset int64 // of atOffset
	time   int64 // of atTime, ms since 1970
}

type startAt uint8

const (
	atDefault startAt = iota // the group's offset, else the first message
	atFirst
	atLast
	atOffset
	atTime
)

// parseStart reads the value of --from.
func parseStart(text string, now time.Time) (start, error) {
	kind, value, _ := strings.Cut(text, ":")
	switch {
	case text == "":
		return start{}, nil
	case text == "first":
		return start{at: atFirst}, nil
	case text == "last":
		return start{at: atLast}, nil
	case kind == "time":
		ms, err := parseTime(value, now)
		return start{at: atTime, time: ms}, err
	case kind != "offset":
		value = text
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		return start{}, usage("--from %s: first, last, offset:N or time:T", text)
	}
	return start{at: atOffset, offset: n}, nil
}

// parseTime reads a time as RFC 3339, as ms since 1970, or as a duration ago.
func parseTime(text string, now time.Time) (int64, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UnixMilli(), nil
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms >= 0 {
		return ms, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d).UnixMilli(), nil
	}
	return 0, usage("--from time:%s: write 2026-11-23T10:00:00Z, milliseconds since 1970, or a time ago such as 10m", text)
}

// begin returns the queue offset where reading q begins.
func (s *session) begin(ctx context.Context, a consumeArgs, q queue) (int64, error) {
	fields := remoting.Fields{{Key: "topic", Value: a.topic}, {Key: "queueId", Value: strconv.Itoa(int(q.id))}}
	switch a.from.at {
	case atOffset:
		return a.from.offset, nil
	case atLast:
		return s.offset(ctx, q, remoting.ReqGetMaxOffset, fields)
	case atTime:
		fields.AddInt("timestamp", a.from.time)
		return s.offset(ctx, q, remoting.ReqSearchOffsetByTimestamp, fields)
	}
	if a.from.at == atDefault && a.group != "" {
		committed, found, err := s.committed(ctx, a, q)
		if err != nil || found {
			return committed, err
		}
	}
	return s.offset(ctx, q, remoting.ReqGetMinOffset, fields)
}

// committed returns the offset that the group has committed for q.
func (s *session) committed(ctx context.Context, a consumeArgs, q queue) (offset int64, found bool, err error) {
	resp, err := s.call(ctx, q.addr, &remoting.Command{Code: remoting.ReqQueryConsumerOffset, Fields: remoting.Fields{
		{Key: "consumerGroup", Value: a.group}, {Key: "topic", Value: a.topic}, {Key: "queueId", Value: strconv.Itoa(int(q.id))},
	}}, remoting.RespQueryNotFound)
	if err != nil || resp.Code == remoting.RespQueryNotFound {
		return 0, false, err
	}
	offset, err = resp.Fields.Int64("offset")
	return offset, err == nil, err
}

// offset asks for one of a queue's offsets.
func (s *session) offset(ctx context.Context, q queue, code int32, f remoting.Fields) (int64, error) {
	resp, err := s.call(ctx, q.addr, &remoting.Command{Code: code, Fields: f})
	if err != nil {
		return 0, err
	}
	n, err := resp.Fields.Int64("offset")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", q.addr, err)
	}
	return n, nil
}
