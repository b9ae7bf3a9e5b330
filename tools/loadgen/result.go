package loadgen

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// ErrNothingCounted is the cause when a run ended before its warm-up did.
var ErrNothingCounted = errors.New("loadgen: the run ended within its warm-up, so nothing was counted")

// A Result is what a load measured. Except where it says so, it covers the
// time from the end of the warm-up to the end of the run.
type Result struct {
	Messages int64         // acknowledged with code 0, or pulled
	Bytes    int64         // of their bodies
	Elapsed  time.Duration // that was counted

	P50, P90, P99, P999, Max time.Duration // latency of a request

	Codes map[int32]int64 // replies by code

	TotalMessages int64           // as Messages, of the whole run
	TotalCodes    map[int32]int64 // replies by code, of the whole run
	Unanswered    int64           // requests of the whole run that had no reply
}

// result closes the tally of a run that was bounded by b.
func (t *tally) result(b Bounds) (Result, error) {
	r := Result{
		Messages: t.messages, Bytes: t.bytes, Elapsed: min(t.last, b.Warmup+b.Duration) - b.Warmup,
		P50: t.latency.Quantile(0.5), P90: t.latency.Quantile(0.9), P99: t.latency.Quantile(0.99),
		P999: t.latency.Quantile(0.999), Max: t.latency.Max(),
		Codes: t.codes, TotalMessages: t.all, TotalCodes: t.allCodes, Unanswered: t.unanswered,
	}
	if r.Elapsed <= 0 || t.latency.Count() == 0 {
		r.Elapsed = 0
		return r, ErrNothingCounted
	}
	return r, nil
}

// Rate returns messages per second.
func (r Result) Rate() float64 { return perSecond(r.Messages, r.Elapsed) }

// Throughput returns bytes of message bodies per second.
func (r Result) Throughput() float64 { return perSecond(r.Bytes, r.Elapsed) }

func perSecond(n int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// MarshalJSON writes the result with its rates; latencies are in microseconds.
func (r Result) MarshalJSON() ([]byte, error) {
	micros := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	codes := func(m map[int32]int64) map[string]int64 {
		out := make(map[string]int64, len(m))
		for c, n := range m {
			out[strconv.Itoa(int(c))] = n
		}
		return out
	}
	return json.Marshal(struct {
		Messages          int64            `json:"messages"`
		Bytes             int64            `json:"bytes"`
		Seconds           float64          `json:"seconds"`
		MessagesPerSecond float64          `json:"messagesPerSecond"`
		BytesPerSecond    float64          `json:"bytesPerSecond"`
		P50               float64          `json:"p50Micros"`
		P90               float64          `json:"p90Micros"`
		P99               float64          `json:"p99Micros"`
		P999              float64          `json:"p999Micros"`
		Max               float64          `json:"maxMicros"`
		Codes             map[string]int64 `json:"codes"`
		TotalMessages     int64            `json:"totalMessages"`
		TotalCodes        map[string]int64 `json:"totalCodes"`
		Unanswered        int64            `json:"unanswered"`
	}{r.Messages, r.Bytes, r.Elapsed.Seconds(), r.Rate(), r.Throughput(),
		micros(r.P50), micros(r.P90), micros(r.P99), micros(r.P999), micros(r.Max),
		codes(r.Codes), r.TotalMessages, codes(r.TotalCodes), r.Unanswered})
}
