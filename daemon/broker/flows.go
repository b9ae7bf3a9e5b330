package broker

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/daemon/broker/timer"
	"pairmq/store/record"
)

// A flowKey is what a flow is of: messages that come into a topic, those that a group
// is given of a topic, or those that a group sends back.
type flowKey struct {
	kind         flowKind
	topic, group string // group is "" for what comes in
}

type flowKind uint8

const (
	flowPut flowKind = iota
	flowGet
	flowBack
)

// A tally is how much has gone since the start.
type tally struct{ messages, bytes, calls int64 }

// A flow counts, and remembers what it had counted when each of windows was sampled:
// about 1 KiB.
type flow struct {
	messages, bytes, calls atomic.Int64
	samples                [sampleCount]tally // flows.mu guards them
}

func (f *flow) add(messages, bytes int) {
	f.messages.Add(int64(messages))
	f.bytes.Add(int64(bytes))
	f.calls.Add(1)
}

func (f *flow) tally() tally { return tally{f.messages.Load(), f.bytes.Load(), f.calls.Load()} }

// A window is how far back a flow is remembered, as RocketMQ has it: a minute, an hour
// and a day.
type window struct {
	period       time.Duration // between samples; upkeepPeriod or a multiple of it
	first, count int           // which of a flow's samples are its own
}

// sampleCount is how many samples all windows have together.
const sampleCount = 7 + 7 + 25

// The windows.
const (
	perMinute = iota
	perHour
	perDay
	windowCount
)

func windows() [windowCount]window {
	return [windowCount]window{{upkeepPeriod, 0, 7}, {10 * time.Minute, 7, 7}, {time.Hour, 14, 25}}
}

// flows are the flows of topics and of groups: of each kind as many as allowed, those
// that come first; what has not moved for a day makes room. To count takes no lock
// but for a new one, and allocates nothing.
type flows struct {
	limit    int
	in, out  flow // of all topics
	mu       sync.Mutex
	all      atomic.Pointer[map[flowKey]*flow]
	have     map[flowKind]int // guarded by mu, as are the next
	at       [sampleCount]time.Time
	sampled  [windowCount]int // samples taken of each window
	previous [windowCount]time.Time
}

func newFlows(limit int, now time.Time) *flows {
	s := &flows{limit: limit, have: map[flowKind]int{}}
	s.all.Store(&map[flowKey]*flow{})
	s.sample(now)
	return s
}

// of returns where k is counted, nil if it is not for there are too many. The texts of k
// are copied if they are kept.
func (s *flows) of(k flowKey) *flow {
	if f := (*s.all.Load())[k]; f != nil {
		return f
	}
	return s.begin(k)
}

func (s *flows) begin(k flowKey) *flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := *s.all.Load()
	if f := all[k]; f != nil {
		return f
	}
	if s.have[k.kind] >= s.limit {
		return nil
	}
	more, f := maps.Clone(all), new(flow)
	more[flowKey{k.kind, strings.Clone(k.topic), strings.Clone(k.group)}] = f
	s.have[k.kind]++
	s.all.Store(&more)
	return f
}

// put counts one call that has stored messages in a topic.
func (s *flows) put(topic string, messages, bytes int) {
	s.in.add(messages, bytes)
	if f := s.of(flowKey{kind: flowPut, topic: topic}); f != nil {
		f.add(messages, bytes)
	}
}

// get counts a pull or a pop that was given messages.
func (s *flows) get(group, topic string, messages, bytes int) {
	s.out.add(messages, bytes)
	if f := s.of(flowKey{flowGet, topic, group}); f != nil {
		f.add(messages, bytes)
	}
}

// back counts a message that a group has sent back.
func (s *flows) back(group, topic string, bytes int) {
	if f := s.of(flowKey{flowBack, topic, group}); f != nil {
		f.add(1, bytes)
	}
}

// sample remembers how much has gone, in each window that is due.
func (s *flows) sample(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := *s.all.Load()
	for i, w := range windows() {
		if s.sampled[i] > 0 && now.Sub(s.previous[i]) < w.period-upkeepPeriod/2 { // a timer may be early
			continue
		}
		at := w.first + s.sampled[i]%w.count
		s.at[at], s.previous[i] = now, now
		s.sampled[i]++
		s.in.samples[at], s.out.samples[at] = s.in.tally(), s.out.tally()
		for _, f := range all {
			f.samples[at] = f.tally()
		}
		if i == perDay && s.sampled[i] > w.count {
			s.drop(func(_ flowKey, f *flow) bool { return f.tally() == f.samples[s.oldest(i)] })
		}
	}
}

// oldest is the oldest sample of a window; s.mu is held.
func (s *flows) oldest(i int) int {
	w := windows()[i]
	if s.sampled[i] <= w.count {
		return w.first
	}
	return w.first + s.sampled[i]%w.count
}

// since is what has gone of f within each window, and how long that is.
func (s *flows) since(f *flow, now time.Time) (gone [windowCount]tally, took [windowCount]time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := f.tally()
	for i := range gone {
		at := s.oldest(i)
		was := f.samples[at]
		gone[i] = tally{t.messages - was.messages, t.bytes - was.bytes, t.calls - was.calls}
		took[i] = now.Sub(s.at[at])
	}
	return gone, took
}

// perSecond is how many messages a second have gone in the last minute, of a flow
// that need not be there.
func (s *flows) perSecond(k flowKey, now time.Time) float64 {
	f := (*s.all.Load())[k]
	if f == nil {
		return 0
	}
	gone, took := s.since(f, now)
	return rate(gone[perMinute].messages, took[perMinute])
}

func rate(n int64, took time.Duration) float64 {
	if took <= 0 {
		return 0
	}
	return float64(n) / took.Seconds()
}

// forget drops what is counted of a topic or a group that is deleted.
func (s *flows) forget(is func(flowKey) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(k flowKey, _ *flow) bool { return is(k) })
}

// drop drops flows; s.mu is held.
func (s *flows) drop(is func(flowKey, *flow) bool) {
	less := maps.Clone(*s.all.Load())
	maps.DeleteFunc(less, func(k flowKey, f *flow) bool {
		gone := is(k, f)
		if gone {
			s.have[k.kind]--
		}
		return gone
	})
	s.all.Store(&less)
}

// sizeOf is how many bytes messages take in the log, without the checksum there.
func sizeOf(ms []record.Message) (bytes int) {
	for i := range ms {
		if n, err := record.Size(&ms[i]); err == nil { // who stores them says what is wrong
			bytes += n
		}
	}
	return bytes
}

// A delivering is the store as who delivers delayed messages, ends transactions and has
// popped messages come again sees it: what comes into topics is counted.
type delivering struct {
	Store
	flows *flows
}

func (d delivering) Put(ms []record.Message, done func(error)) error {
	return d.flows.counted(d.Store.Put, ms, done)
}

// A timing is the same, for who delivers messages with a time.
type timing struct {
	timer.Store
	flows *flows
}

func (t timing) Put(ms []record.Message, done func(error)) error {
	return t.flows.counted(t.Store.Put, ms, done)
}

// counted calls put, and counts what it has taken.
func (s *flows) counted(put func([]record.Message, func(error)) error, ms []record.Message, done func(error)) error {
	topic, count, bytes := ms[0].Topic, len(ms), sizeOf(ms) // the store has them afterwards
	err := put(ms, done)
	if err == nil {
		s.put(topic, count, bytes)
	}
	return err
}
