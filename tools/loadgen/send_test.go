package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

func TestSendCountsWhatIsAnswered(t *testing.T) {
	for _, o := range []SendOptions{
		{InFlight: 1}, {InFlight: 64}, {Conns: 3, InFlight: 64}, {Serialize: remoting.Binary},
		{Batch: 10}, {Size: 100_000, InFlight: 16}, {Queues: 1},
	} {
		t.Run(fmt.Sprintf("%d connections, %d in flight, batch %d", o.Conns, o.InFlight, o.Batch), func(t *testing.T) {
			o.Target, o.Topic, o.Count = startNull(t, stored()), "T", 3000
			o.Duration = time.Minute
			r, err := Send(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Messages != 3000 || r.TotalMessages != 3000 || r.Bytes != 3000*int64(max(o.Size, 1024)) || r.Unanswered != 0 {
				t.Errorf("%d messages, %d in all, %d bytes, %d unanswered; want 3000, 3000, %d, 0", r.Messages, r.TotalMessages, r.Bytes, r.Unanswered, 3000*max(o.Size, 1024))
			}
			if want := int64(3000 / max(o.Batch, 1)); r.Codes[0] != want || len(r.Codes) != 1 {
				t.Errorf("replies by code %v, want %d of code 0", r.Codes, want)
			}
			if r.P50 <= 0 || r.P50 > r.P90 || r.P90 > r.P99 || r.P99 > r.P999 || r.P999 > r.Max || r.Rate() <= 0 || r.Throughput() <= 0 {
				t.Errorf("latencies %v %v %v %v %v, %v messages/s, %v bytes/s", r.P50, r.P90, r.P99, r.P999, r.Max, r.Rate(), r.Throughput())
			}
		})
	}
}

func TestSendCountsRefusalsByCode(t *testing.T) {
	target := startNull(t, func() answer {
		ok, busy := stored()(), fixedAnswer(remoting.Command{Code: 2, Remark: "[REJECTREQUEST]"})()
		n := 0
		return func(dst []byte, f frame, opaque int32) []byte {
			if n++; n%4 == 0 {
				return busy(dst, f, opaque)
			}
			return ok(dst, f, opaque)
		}
	})
	r, err := Send(t.Context(), SendOptions{Target: target, Bounds: Bounds{Count: 1000, Duration: time.Minute}, Topic: "T"})
	if err != nil || r.Messages != 750 || r.Codes[0] != 750 || r.Codes[2] != 250 {
		t.Errorf("%d messages, codes %v, error %v; want 750 of code 0 and 250 of code 2", r.Messages, r.Codes, err)
	}
}

func TestSendEndsWithItsTime(t *testing.T) {
	o := SendOptions{Target: startNull(t, stored()), Bounds: Bounds{Warmup: 200 * time.Millisecond, Duration: time.Second}, Topic: "T"}
	var reported atomic.Int64
	o.Progress = func(p Progress) { reported.Store(p.Messages) }
	r, err := Send(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Elapsed <= 0 || r.Elapsed > time.Second || r.Messages == 0 || r.Messages >= r.TotalMessages {
		t.Errorf("%d of %d messages counted in %v; want some but not all, within a second", r.Messages, r.TotalMessages, r.Elapsed)
	}
}

func TestSendWithinItsWarmUp(t *testing.T) {
	o := SendOptions{Target: startNull(t, stored()), Bounds: Bounds{Warmup: time.Minute, Duration: time.Minute, Count: 100}, Topic: "T"}
	r, err := Send(t.Context(), o)
	if !errors.Is(err, ErrNothingCounted) || r.TotalMessages != 100 || r.Messages != 0 || r.Rate() != 0 {
		t.Errorf("%d of %d messages counted, error %v; want 0 of 100 and ErrNothingCounted", r.Messages, r.TotalMessages, err)
	}
}

func TestSendStopsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int64
	target := startNull(t, func() answer {
		ok := stored()()
		return func(dst []byte, f frame, opaque int32) []byte {
			if n.Add(1) == 500 {
				cancel()
			}
			return ok(dst, f, opaque)
		}
	})
	r, err := Send(ctx, SendOptions{Target: target, Bounds: Bounds{Duration: time.Minute}, Topic: "T"})
	if !errors.Is(err, context.Canceled) || r.Messages < 400 || r.Unanswered != 0 {
		t.Errorf("%d messages, %d unanswered, error %v; want about 500, 0, context.Canceled", r.Messages, r.Unanswered, err)
	}
}

func TestSendReportsABrokenBroker(t *testing.T) {
	tests := []struct {
		name string
		mk   func() answer
		want error
	}{
		{"hangs up", func() answer { return func([]byte, frame, int32) []byte { return nil } }, io.EOF},
		{"says nothing", func() answer { return func(dst []byte, _ frame, _ int32) []byte { return append(dst, 0) } }, os.ErrDeadlineExceeded},
		{"answers what nobody asked", func() answer {
			ok := stored()()
			return func(dst []byte, f frame, opaque int32) []byte { return ok(dst, f, opaque+100_000) }
		}, errFrame},
		{"answers twice", func() answer {
			ok := stored()()
			return func(dst []byte, f frame, opaque int32) []byte { return ok(ok(dst, f, opaque), f, opaque) }
		}, errFrame},
		{"does not speak the protocol", func() answer {
			return func(dst []byte, _ frame, _ int32) []byte { return append(dst, "HTTP/1.1 400\r\n"...) }
		}, errFrame},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := startNull(t, tt.mk)
			target.Timeout = 200 * time.Millisecond
			r, err := Send(t.Context(), SendOptions{Target: target, Bounds: Bounds{Count: 8, Duration: time.Minute}, Topic: "T", InFlight: 1})
			if !errors.Is(err, tt.want) {
				t.Errorf("Send fails with %v, want %v", err, tt.want)
			}
			if tt.want != errFrame && (r.Unanswered != 1 || r.TotalMessages != 0) {
				t.Errorf("%d unanswered, %d messages; want 1 and 0", r.Unanswered, r.TotalMessages)
			}
		})
	}
}

func TestSendRefusesOptions(t *testing.T) {
	ok := func() SendOptions { return SendOptions{Target: Target{Addr: "127.0.0.1:1"}, Topic: "T"} }
	for name, change := range map[string]func(*SendOptions){
		"no topic":           func(o *SendOptions) { o.Topic = "" },
		"topic":              func(o *SendOptions) { o.Topic = "a b" },
		"group":              func(o *SendOptions) { o.Group = "a b" },
		"size":               func(o *SendOptions) { o.Size = maxBody + 1 },
		"negative size":      func(o *SendOptions) { o.Size = -1 },
		"batch":              func(o *SendOptions) { o.Batch = 5000 },
		"connections":        func(o *SendOptions) { o.Conns = maxConns + 1 },
		"too few in flight":  func(o *SendOptions) { o.Conns, o.InFlight = 4, 3 },
		"too many in flight": func(o *SendOptions) { o.InFlight = maxInFlight + 1 },
		"queues":             func(o *SendOptions) { o.Queues = maxQueues + 1 },
		"duration":           func(o *SendOptions) { o.Duration = 2 * time.Hour },
		"negative warm-up":   func(o *SendOptions) { o.Warmup = -1 },
		"count":              func(o *SendOptions) { o.Count = maxCount + 1 },
		"remote":             func(o *SendOptions) { o.Addr = "192.0.2.1:10911" },
	} {
		o := ok()
		change(&o)
		if _, err := Send(t.Context(), o); !errors.Is(err, ErrOptions) && !errors.Is(err, ErrRemote) {
			t.Errorf("%s: Send fails with %v, want ErrOptions or ErrRemote", name, err)
		}
	}
	if _, err := Send(t.Context(), ok()); err == nil || errors.Is(err, ErrOptions) || errors.Is(err, ErrRemote) {
		t.Errorf("with nobody there Send fails with %v, want an error of the connection", err)
	}
}

func TestResultAsJSON(t *testing.T) {
	r := Result{Messages: 30, Bytes: 3000, Elapsed: 2 * time.Second, P50: 1500, Max: time.Millisecond, Codes: map[int32]int64{0: 30, 2: 1}}
	got, err := json.Marshal(r)
	want := `{"messages":30,"bytes":3000,"seconds":2,"messagesPerSecond":15,"bytesPerSecond":1500,"p50Micros":1.5,"p90Micros":0,` +
		`"p99Micros":0,"p999Micros":0,"maxMicros":1000,"codes":{"0":30,"2":1},"totalMessages":0,"totalCodes":{},"unanswered":0}`
	if err != nil || !bytes.Equal(got, []byte(want)) {
		t.Errorf("Marshal = %s, %v; want %s", got, err, want)
	}
}

// BenchmarkSend is the generator's own ceiling: the other side does nothing
// but answer, on the same processors.
func BenchmarkSend(b *testing.B) {
	for _, o := range []SendOptions{
		{InFlight: 1, Size: 128}, {InFlight: 64, Size: 128}, {InFlight: 256, Size: 128}, {InFlight: 256, Size: 128, Conns: 4},
		{InFlight: 256, Size: 128, Serialize: remoting.Binary}, {InFlight: 256, Size: 1024}, {InFlight: 256, Size: 16384},
	} {
		b.Run(fmt.Sprintf("size=%d/inflight=%d/conns=%d/serialize=%d", o.Size, o.InFlight, max(o.Conns, 1), o.Serialize), func(b *testing.B) {
			b.ReportAllocs()
			o.Target, o.Topic, o.Duration, o.Count = startNull(b, stored()), "T", time.Hour, int64(b.N)
			r, err := Send(b.Context(), o)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(r.Rate(), "msgs/s")
			b.ReportMetric(float64(r.P50.Microseconds()), "p50-µs")
		})
	}
}
