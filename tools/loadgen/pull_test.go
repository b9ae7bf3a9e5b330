package loadgen

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// A fakeQueue answers pulls like a broker that has `end` messages in each
// queue, of which the first `begin` are gone.
func fakeQueue(t testing.TB, begin, end, most int64) func() answer {
	record := goldenFrame(t, "v4-pull-response-one-message").body
	bodies := bytes.Repeat(record, int(most))
	return func() answer {
		return func(dst []byte, f frame, opaque int32) []byte {
			c, err := f.decode()
			if err != nil {
				t.Errorf("request %q: %v", f.header, err)
				return nil
			}
			offset, err := c.Fields.Int64("queueOffset")
			if err != nil || c.Code != remoting.ReqPullMessage {
				t.Errorf("request %d, offset: %v", c.Code, err)
				return nil
			}
			resp := remoting.Command{Opaque: opaque, Flag: 1, Serialize: c.Serialize}
			next := offset
			switch {
			case offset < begin:
				resp.Code, next = remoting.RespPullOffsetMoved, begin
			case offset >= end:
				resp.Code = remoting.RespPullNotFound
			default:
				n := min(most, end-offset)
				next, resp.Body = offset+n, bodies[:int(n)*len(record)]
			}
			resp.Fields.AddInt("nextBeginOffset", next)
			resp.Fields.AddInt("maxOffset", end)
			return remoting.AppendCommand(dst, &resp)
		}
	}
}

func TestPullDrainsAllQueues(t *testing.T) {
	for _, o := range []PullOptions{{}, {Conns: 3}, {Queues: 1}, {Queues: 5, Conns: 5, Serialize: remoting.Binary}} {
		t.Run(fmt.Sprintf("%d queues, %d connections", o.Queues, o.Conns), func(t *testing.T) {
			o.Target, o.Topic, o.Duration = startNull(t, fakeQueue(t, 7, 107, 32)), "T", time.Minute
			r, err := Pull(t.Context(), o)
			queues := int64(max(o.Queues, 1))
			if o.Queues == 0 {
				queues = 8
			}
			if err != nil || r.Messages != 100*queues || r.Bytes != 500*queues || r.Codes[0] != 4*queues || r.Codes[19] != queues || r.Codes[21] != queues {
				t.Errorf("%d messages, %d bytes, codes %v, error %v; want 100, 500, 4 of code 0, 1 of 19, 1 of 21 for each of %d queues", r.Messages, r.Bytes, r.Codes, err, queues)
			}
		})
	}
}

func TestPullAgainUntilABound(t *testing.T) {
	o := PullOptions{Target: startNull(t, fakeQueue(t, 5, 10, 32)), Topic: "T", Again: true, Bounds: Bounds{Duration: time.Minute, Count: 1000}}
	r, err := Pull(t.Context(), o)
	if err != nil || r.Messages < 1000 || r.Messages > 1000+8*32 {
		t.Errorf("%d messages, error %v; want 1000 and what was in flight", r.Messages, err)
	}
}

func TestPullOfNothingEnds(t *testing.T) {
	o := PullOptions{Target: startNull(t, fakeQueue(t, 0, 0, 32)), Topic: "T", Again: true, Bounds: Bounds{Duration: time.Minute}}
	r, err := Pull(t.Context(), o)
	if err != nil || r.Messages != 0 || r.Codes[19] != 8 {
		t.Errorf("%d messages, codes %v, error %v; want none and 8 of code 19", r.Messages, r.Codes, err)
	}
}

func TestPullGivesUpWhenRefused(t *testing.T) {
	tests := []struct {
		name string
		mk   func() answer
		want error
	}{
		{"always", fixedAnswer(remoting.Command{Code: 16, Remark: "no"}), ErrRefused},
		{"no offset", fixedAnswer(remoting.Command{Code: 20}), errFrame},
		{"no record", fixedAnswer(remoting.Command{Code: 0, Body: []byte("rubbish")}), errFrame},
	}
	for _, tt := range tests {
		o := PullOptions{Target: startNull(t, tt.mk), Topic: "T", Bounds: Bounds{Duration: time.Minute}}
		if r, err := Pull(t.Context(), o); !errors.Is(err, tt.want) {
			t.Errorf("%s: Pull fails with %v after codes %v, want %v", tt.name, err, r.TotalCodes, tt.want)
		}
	}
}

func TestPullGoesOnAfterARefusal(t *testing.T) {
	var once sync.Once
	target := startNull(t, func() answer {
		pull, busy := fakeQueue(t, 0, 10, 32)(), fixedAnswer(remoting.Command{Code: 2})()
		return func(dst []byte, f frame, opaque int32) []byte {
			refuse := false
			once.Do(func() { refuse = true })
			if refuse {
				return busy(dst, f, opaque)
			}
			return pull(dst, f, opaque)
		}
	})
	r, err := Pull(t.Context(), PullOptions{Target: target, Topic: "T", Queues: 2, Bounds: Bounds{Duration: time.Minute}})
	if err != nil || r.Messages != 20 || r.Codes[2] != 1 {
		t.Errorf("%d messages, codes %v, error %v; want 20 and one of code 2", r.Messages, r.Codes, err)
	}
}

func TestPullRefusesOptions(t *testing.T) {
	for name, o := range map[string]PullOptions{
		"no topic":    {},
		"queues":      {Topic: "T", Queues: -1},
		"connections": {Topic: "T", Queues: 2, Conns: 3},
		"at once":     {Topic: "T", Max: 5000},
		"group":       {Topic: "T", Group: "a b"},
	} {
		o.Addr = "127.0.0.1:1"
		if _, err := Pull(t.Context(), o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: Pull fails with %v, want ErrOptions", name, err)
		}
	}
}

func BenchmarkPull(b *testing.B) {
	b.ReportAllocs()
	target := startNull(b, fakeQueue(b, 0, 1<<40, 32))
	r, err := Pull(b.Context(), PullOptions{Target: target, Topic: "T", Bounds: Bounds{Duration: time.Hour, Count: int64(b.N)}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(r.Rate(), "msgs/s")
}
