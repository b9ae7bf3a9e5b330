package loadgen

import "time"

// A tally is what one connection counted. Only what its doc calls the whole
// run counts outside the window.
type tally struct {
	latency    Histogram       // of all replies
	codes      map[int32]int64 // replies
	allCodes   map[int32]int64 // replies of the whole run
	messages   int64           // acknowledged with code 0, or pulled
	bytes      int64           // of their bodies
	all        int64           // messages of the whole run
	unanswered int64           // requests whose reply never came, whole run
	last       time.Duration   // since the start, when the last reply came
}

func newTally() *tally {
	return &tally{codes: make(map[int32]int64), allCodes: make(map[int32]int64)}
}

func (t *tally) merge(o *tally) {
	t.latency.Merge(&o.latency)
	for c, n := range o.codes {
		t.codes[c] += n
	}
	for c, n := range o.allCodes {
		t.allCodes[c] += n
	}
	t.messages += o.messages
	t.bytes += o.bytes
	t.all += o.all
	t.unanswered += o.unanswered
	t.last = max(t.last, o.last)
}

// add counts one reply with code that came at now, latency after its request,
// and brought n messages with bytes of body.
func (t *tally) add(r *run, now, latency time.Duration, code int32, n, bytes int64) {
	t.allCodes[code]++
	t.all += n
	t.last = now
	if !r.counts(now) {
		return
	}
	t.codes[code]++
	t.latency.Record(latency, 1)
	t.messages += n
	t.bytes += bytes
}
