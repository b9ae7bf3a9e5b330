package check

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"pairmq/store/record"
)

const (
	storyTopic     = "Story"
	storySegment   = 16 << 10
	storyProducers = 3
	storyMessages  = 100 // of each part
)

// What may happen in a story.
const (
	calm     = "calm"
	killed   = "killed"   // a broker is killed, and forgets offsets
	handed   = "handed"   // the master hands over
	promoted = "promoted" // the slave is promoted without what came last
	stormy   = "stormy"   // all of that, one after the other
)

// storyBounds are what every good story keeps to.
func storyBounds() Bounds { return Bounds{Heal: 10e9, RSS: 64 << 20, Files: 100} }

// A story is a run as it should be, made from a seed: what clients saw, and
// the logs of both brokers. It is the tests' to spoil.
type story struct {
	mode  Mode
	event string
	rng   *rand.Rand
	h     History
	a, b  Log
	bytes []byte
	log   []Record
	cut   []byte                // what the broker that was master before a promotion has set aside
	aside map[int64]bool        // ids of that
	loser string                // that broker
	ahead [storyProducers]int64 // where consumer 0 goes on after it, by queue
	next  [storyProducers]int64 // queue offsets
	now   int64
	id    int64
	owner string // the master
}

func newStory(seed uint64, m Mode, event string) *story {
	s := &story{mode: m, event: event, rng: rand.New(rand.NewPCG(seed, 9)), h: History{Mode: m}, owner: "a", aside: map[int64]bool{}}
	s.part()
	for _, e := range []string{killed, handed, promoted} {
		if e != event && event != stormy {
			continue
		}
		switch e {
		case killed:
			s.h.Events = append(s.h.Events, Event{Kill, "a", s.tick()})
			s.read(0, 0, "a", 0) // it may have forgotten all
		case handed:
			s.h.Events = append(s.h.Events, Event{Handed, s.owner, s.tick()})
			s.owner = s.other()
		case promoted:
			s.promote()
		}
		s.part()
	}
	s.part()
	s.consume(0, len(s.log), 2, 3) // once more, all of it
	most := storyBounds()          // which is allowed
	s.h.Final = Final{Masters: 1, Slaves: 1, Sends: true, HealNanos: most.Heal.Nanoseconds(), MostRSS: most.RSS, MostFiles: most.Files}
	s.a, s.b = s.logOf("a"), s.logOf("b")
	return s
}

func (s *story) logOf(broker string) Log {
	l := Log{Broker: broker, Master: s.owner == broker, Bytes: s.bytes, Records: s.log, Aside: map[int64]bool{}}
	if broker == s.loser {
		l.Aside = s.aside
	}
	return l
}

// part has messages sent and consumed.
func (s *story) part() {
	from := len(s.log)
	s.send(storyMessages, OK)
	s.consume(from, len(s.log), 0, 1)
}

// other is the broker that is not master.
func (s *story) other() string {
	if s.owner == "a" {
		return "b"
	}
	return "a"
}

func (s *story) tick() int64 { s.now += 1 + s.rng.Int64N(1e6); return s.now }

// promote has the last master go on alone for a while, and its slave go on
// without that. One consumer took some of it, and passes by what comes in its place.
func (s *story) promote() {
	bytes, log, next := len(s.bytes), len(s.log), s.next
	if s.mode.SyncMaster {
		s.send(30, Stored)
	} else {
		s.send(30, OK)
	}
	s.consume(log, log+20, 0)
	for _, r := range s.log[log : log+20] {
		s.ahead[r.Queue] = r.QueueOffset + 1
	}
	s.h.Events = append(s.h.Events, Event{Promoted, s.other(), s.tick()})
	for _, r := range s.log[log:] {
		s.aside[r.ID] = true
	}
	s.cut, s.loser = s.bytes[bytes:], s.owner
	s.bytes, s.log, s.next, s.owner = s.bytes[:bytes:bytes], s.log[:log:log], next, s.other()
}

// send sends n messages, each until it is stored, most of them at once.
func (s *story) send(n int, best string) {
	for range n {
		s.id++
		producer := s.rng.IntN(storyProducers)
		for done := false; !done; {
			try := Send{ID: s.id, Producer: producer, Queue: int32(producer), Broker: s.owner, Status: best, Began: s.tick()}
			switch s.rng.IntN(12) {
			case 0:
				try.Status = Refused
			case 1:
				try.Status = Unknown
				if s.rng.IntN(2) == 0 {
					s.append(&try)
					try.QueueOffset, try.PhyOffset = 0, 0 // nobody was told
				}
			case 2:
				try.Status = Stored
				s.append(&try)
			default:
				s.append(&try)
			}
			try.Ended = s.tick()
			s.h.Sends = append(s.h.Sends, try)
			done = try.Status == best || try.Status == Stored
		}
	}
}

// bodies are those made so far: most stories have the same.
var bodies = map[int64][]byte{}

func bodyOf(id int64) []byte {
	if bodies[id] == nil {
		bodies[id] = Body(id)
	}
	return bodies[id]
}

// append writes a message to the log and says where it lies.
func (s *story) append(try *Send) {
	m := record.Message{
		Topic: storyTopic, QueueID: try.Queue, QueueOffset: s.next[try.Queue], PhyOffset: int64(len(s.bytes)), Body: bodyOf(try.ID),
		BornHost: netip.MustParseAddrPort("198.18.3.9:1"), StoreHost: netip.MustParseAddrPort("198.18.1.2:10911"), BornTimestamp: 1, StoreTimestamp: 2,
	}
	size, err := record.SizeCRC(&m)
	if err != nil {
		panic(err)
	}
	if room := storySegment - len(s.bytes)%storySegment; size+record.BlankSize > room {
		filler := append(record.AppendBlank(nil, room), make([]byte, room-record.BlankSize)...)
		s.bytes = append(s.bytes, filler...)
		m.PhyOffset = int64(len(s.bytes))
	}
	s.bytes = record.AppendCRC(s.bytes, &m)
	s.next[try.Queue]++
	try.QueueOffset, try.PhyOffset = m.QueueOffset, m.PhyOffset
	s.log = append(s.log, Record{try.ID, try.Queue, m.QueueOffset, m.PhyOffset, int64(size)})
}

// consume gives records of the log to consumers, who commit now and then, and
// read once what was committed.
func (s *story) consume(from, to int, consumers ...int) {
	for _, c := range consumers {
		broker := []string{"a", "b"}[s.rng.IntN(2)]
		for i, r := range s.log[from:to] {
			if c == 0 && r.QueueOffset < s.ahead[r.Queue] {
				continue
			}
			s.h.Deliveries = append(s.h.Deliveries, Delivery{c, r.Queue, broker, r.QueueOffset, r.ID, s.tick()})
			if i%20 == 0 {
				s.h.Commits = append(s.h.Commits, Commit{c, r.Queue, broker, r.QueueOffset + 1, false, s.tick(), s.tick()})
			}
			if i%50 == 0 {
				s.read(c, r.Queue, broker, r.QueueOffset+1)
			}
		}
	}
}

func (s *story) read(consumer int, queue int32, broker string, offset int64) {
	s.h.Commits = append(s.h.Commits, Commit{consumer, queue, broker, offset, true, s.tick(), s.tick()})
}

// check judges the story.
func (s *story) check() (Summary, []Violation) { return Check(s.h, s.a, s.b, storyBounds()) }

// write writes the log as a store's files, with one more segment prepared.
func (s *story) write(t *testing.T, aside []byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, sub := range []string{"commitlog", "quarantine"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for base := 0; base <= len(s.bytes)+storySegment; base += storySegment {
		segment := make([]byte, storySegment)
		if base < len(s.bytes) {
			copy(segment, s.bytes[base:])
		}
		if err := os.WriteFile(segmentFile(dir, base), segment, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "quarantine", "commitlog-1"), aside, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func segmentFile(dir string, base int) string {
	return filepath.Join(dir, "commitlog", fmt.Sprintf("%020d", base))
}
