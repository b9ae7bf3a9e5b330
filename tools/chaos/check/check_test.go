package check

import (
	"fmt"
	"slices"
	"testing"
)

func modes() []Mode {
	return []Mode{{}, {SyncFlush: true}, {SyncMaster: true}, {SyncFlush: true, SyncMaster: true}}
}

func events() []string { return []string{calm, killed, handed, promoted, stormy} }

// TestGoodStoriesPass: nothing is found where nothing is wrong.
func TestGoodStoriesPass(t *testing.T) {
	var total Summary
	for _, m := range modes() {
		for _, event := range events() {
			for seed := range uint64(50) {
				sum, found := newStory(seed, m, event).check()
				if len(found) > 0 {
					t.Fatalf("%s, %s, seed %d: %d violations, first %v", m, event, seed, len(found), found[0])
				}
				total.Duplicates += sum.Duplicates
				total.Quarantined += sum.Quarantined
				total.Vanished += sum.Vanished
			}
		}
	}
	if total.Duplicates == 0 || total.Quarantined == 0 || total.Vanished == 0 {
		t.Errorf("the stories have nothing to forgive: %+v", total)
	}
}

// A spoiler makes something wrong in a story.
type spoiler struct {
	name  string
	rule  string // that has to be named
	spoil func(*story)
	modes func(Mode) bool   // nil means all
	event func(string) bool // nil means all
}

func syncMaster(m Mode) bool  { return m.SyncMaster }
func asyncMaster(m Mode) bool { return !m.SyncMaster }
func only(event string) func(string) bool {
	return func(e string) bool { return e == event }
}
func forced(event string) bool   { return event == promoted || event == stormy }
func unforced(event string) bool { return !forced(event) }

func spoilers() []spoiler {
	return []spoiler{
		{"a promised message is in neither log", "C1", func(s *story) { s.drop(s.promised()) }, nil, nil},
		{"a promised message is at another queue offset", "C1", func(s *story) { s.sendOf(s.promised()).QueueOffset++ }, nil, nil},
		{"a promised message is at another place in the log", "C1", func(s *story) { s.sendOf(s.promised()).PhyOffset += 8 }, nil, nil},
		{"an end that was promised was not set aside", "C1", func(s *story) { clear(s.aside) }, asyncMaster, forced},
		{"an end was set aside that SYNC_MASTER had promised", "C1", func(s *story) {
			r := s.log[s.promised()]
			s.drop(s.promised())
			s.aside[r.ID] = true
		}, syncMaster, forced},
		{"nobody sent what is in the log", "C2", func(s *story) { s.log[s.promised()].ID = 1 << 40 }, nil, nil},
		{"what is in the log is no message", "C2", func(s *story) { s.log[s.promised()].ID = -1 }, nil, nil},
		{"it is in the log although it was refused", "C2", func(s *story) { s.sendOf(s.single()).Status = Refused }, nil, nil},
		{"nobody sent what was delivered", "C2", func(s *story) { s.h.Deliveries[7].ID = 1 << 40 }, nil, nil},
		{"a log is not sound", "C3", func(s *story) { s.b.Faults = []string{"broken"} }, nil, nil},
		{"one log is shorter", "C4", func(s *story) { s.b.Bytes = s.b.Bytes[:len(s.b.Bytes)-1] }, nil, nil},
		{"one log is shorter by a record", "C4", func(s *story) { s.a.Bytes = s.a.Bytes[:s.log[len(s.log)-1].PhyOffset] }, nil, nil},
		{"one log ends before the other begins", "C4", func(s *story) {
			s.b.Start, s.b.Bytes = int64(len(s.b.Bytes)/storySegment+1)*storySegment, nil
		}, nil, nil},
		{"one byte differs", "C4", func(s *story) {
			s.b.Bytes = slices.Clone(s.b.Bytes)
			s.b.Bytes[s.rng.IntN(len(s.b.Bytes))] ^= 1
		}, nil, nil},
		{"a queue has a hole", "C5", func(s *story) { s.log[s.promised()].QueueOffset = 1 << 30 }, nil, nil},
		{"two messages have one offset", "C5", func(s *story) { // the hole behind them is what remains
			i := s.promised()
			s.log[s.sameQueue(i)].QueueOffset = s.log[i].QueueOffset
		}, nil, nil},
		{"two messages have the last offset of a queue", "C5", func(s *story) { // and only the later one can be delivered
			i, j := s.lastTwo()
			before := s.log[j]
			s.log[j].QueueOffset = s.log[i].QueueOffset
			for consumer := range 4 {
				s.forget(Delivery{Consumer: consumer, ID: s.log[i].ID})
			}
			s.move(before, s.log[j])
		}, nil, nil},
		{"a consumer was given another message", "C5", func(s *story) {
			s.h.Deliveries[9].ID = s.h.Deliveries[11].ID
		}, nil, unforced},
		{"a consumer was given another message than others, after a promotion", "C7", func(s *story) {
			s.h.Deliveries[9].ID = s.h.Deliveries[11].ID
		}, nil, forced},
		{"a reader of the slave was given it at another offset", "C5", func(s *story) { s.h.Deliveries[len(s.h.Deliveries)-1].QueueOffset-- }, nil, unforced},
		{"a consumer was never given a message", "C6", func(s *story) { s.forget(s.h.Deliveries[len(s.h.Deliveries)/2]) }, nil, unforced},
		{"who read everything was not given a message", "C6", func(s *story) { s.forget(s.h.Deliveries[len(s.h.Deliveries)-9]) }, nil, nil},
		{"a consumer was given nothing of a queue", "C6", func(s *story) {
			s.h.Deliveries = slices.DeleteFunc(s.h.Deliveries, func(d Delivery) bool { return d.Consumer == 3 && d.Queue == 1 })
		}, nil, nil},
		{"a broker forgot an offset", "C6", func(s *story) {
			last := s.h.Commits[len(s.h.Commits)-1]
			s.read(last.Consumer, last.Queue, last.Broker, last.Offset-1)
		}, nil, unforced},
		{"a broker made an offset up", "C6", func(s *story) { s.read(0, 0, "a", s.next[0]+1) }, nil, unforced},
		{"a killed broker forgot an offset that it took again", "C6", func(s *story) {
			then := s.h.Events[0].At
			s.h.Commits = append(s.h.Commits, Commit{7, 0, "a", 50, false, then - 2, then - 1}, Commit{7, 0, "a", 40, false, s.tick(), s.tick()})
			s.read(7, 0, "a", 30)
		}, nil, only(killed)},
		{"a killed broker forgot an offset that it took later", "C6", func(s *story) {
			last := s.h.Commits[len(s.h.Commits)-1]
			s.read(last.Consumer, last.Queue, "a", 5)
			s.h.Commits = append(s.h.Commits, Commit{last.Consumer, last.Queue, "a", 9, false, s.tick(), s.tick()})
			s.read(last.Consumer, last.Queue, "a", 5)
		}, nil, only(killed)},
		{"SYNC_MASTER promised and delivered it, and it vanished", "C7", func(s *story) { s.drop(s.promised()) }, syncMaster, nil},
		{"it was delivered, and is neither there nor set aside", "C7", func(s *story) { clear(s.aside) }, nil, forced},
		{"it is in the log more often than it was sent", "C8", func(s *story) {
			r := s.log[s.single()]
			r.QueueOffset, r.PhyOffset = s.next[r.Queue], int64(len(s.bytes))
			s.put(append(s.log, r))
		}, nil, nil},
		{"it is in the log three times, of one attempt", "C8", func(s *story) {
			i := s.single()
			for range 2 {
				r := s.log[i]
				r.QueueOffset, r.PhyOffset = s.next[r.Queue], int64(len(s.bytes))
				s.next[r.Queue]++
				s.put(append(s.log, r))
			}
		}, nil, nil},
		{"two messages of a producer changed places", "C9", func(s *story) {
			i := s.promised()
			a, b := s.sendOf(i), s.sendOf(s.sameQueue(i))
			a.Began, b.Began = b.Began, a.Began
		}, nil, nil},
		{"there are two masters", "C10", func(s *story) { s.h.Final.Masters, s.h.Final.Slaves = 2, 0 }, nil, nil},
		{"there is no master", "C10", func(s *story) { s.h.Final.Masters, s.h.Final.Slaves = 0, 2 }, nil, nil},
		{"the slave does not follow", "C10", func(s *story) { s.h.Final.Slaves = 0 }, nil, nil},
		{"the slave is behind", "C10", func(s *story) { s.h.Final.Behind = 1 }, nil, nil},
		{"nothing is taken in the end", "C10", func(s *story) { s.h.Final.Sends = false }, nil, nil},
		{"it took too long", "C10", func(s *story) { s.h.Final.HealNanos = int64(storyBounds().Heal) + 1 }, nil, nil},
		{"a broker took too much memory", "C10", func(s *story) { s.h.Final.MostRSS = storyBounds().RSS + 1 }, nil, nil},
		{"a broker left files open", "C10", func(s *story) { s.h.Final.MostFiles = storyBounds().Files + 1 }, nil, nil},
		{"the history ends before its end", "C10", func(s *story) { s.h.Final = Final{} }, nil, nil},
	}
}

// put makes log that of both brokers.
func (s *story) put(log []Record) { s.log, s.a.Records, s.b.Records = log, log, log }

// drop takes record i out of both logs.
func (s *story) drop(i int) { s.put(slices.Delete(slices.Clone(s.log), i, i+1)) }

// forget takes all deliveries of a message to a consumer out.
func (s *story) forget(d Delivery) {
	s.h.Deliveries = slices.DeleteFunc(s.h.Deliveries, func(o Delivery) bool { return o.Consumer == d.Consumer && o.ID == d.ID })
}

// lastTwo are the last two records of one queue.
func (s *story) lastTwo() (i, j int) {
	j = len(s.log) - 1
	for i = j - 1; s.log[i].Queue != s.log[j].Queue; i-- {
	}
	return i, j
}

// move has clients see a record elsewhere.
func (s *story) move(from, to Record) {
	for i := range s.h.Sends {
		if o := &s.h.Sends[i]; o.ID == from.ID && o.PhyOffset == from.PhyOffset && o.Status != Unknown {
			o.QueueOffset = to.QueueOffset
		}
	}
	for i := range s.h.Deliveries {
		if d := &s.h.Deliveries[i]; d.ID == from.ID && d.QueueOffset == from.QueueOffset {
			d.QueueOffset = to.QueueOffset
		}
	}
}

// sendOf is the attempt that stored record i and was answered OK.
func (s *story) sendOf(i int) *Send {
	r := s.log[i]
	at := slices.IndexFunc(s.h.Sends, func(o Send) bool { return o.ID == r.ID && o.Status == OK && o.PhyOffset == r.PhyOffset })
	if at < 0 {
		return nil
	}
	return &s.h.Sends[at]
}

// promised is some record, of the first part of the story, of which OK was said.
func (s *story) promised() int {
	for i := 20 + len(s.log)%30; ; i++ {
		if s.sendOf(i) != nil {
			return i
		}
	}
}

// single is one of those whose message has no other attempt.
func (s *story) single() int {
	for i := s.promised(); ; i++ {
		n := 0
		for _, o := range s.h.Sends {
			if o.ID == s.log[i].ID {
				n++
			}
		}
		if n == 1 && s.sendOf(i) != nil {
			return i
		}
	}
}

// sameQueue is the next record behind i in its queue of which OK was said.
func (s *story) sameQueue(i int) int {
	for j := i + 1; ; j++ {
		if s.log[j].Queue == s.log[i].Queue && s.sendOf(j) != nil {
			return j
		}
	}
}

// TestSpoiledStoriesAreCaught: each kind of wrong is found in each mode and with
// everything that may have happened besides, and by its rule.
func TestSpoiledStoriesAreCaught(t *testing.T) {
	for _, sp := range spoilers() {
		t.Run(fmt.Sprintf("%s/%s", sp.rule, sp.name), func(t *testing.T) {
			for _, m := range modes() {
				for _, event := range events() {
					if sp.modes != nil && !sp.modes(m) || sp.event != nil && !sp.event(event) {
						continue
					}
					for seed := range uint64(2) {
						s := newStory(seed, m, event)
						sp.spoil(s)
						_, found := s.check()
						if !slices.ContainsFunc(found, func(v Violation) bool { return v.Rule == sp.rule }) {
							t.Errorf("%s, %s, seed %d: found %v, want one of %s", m, event, seed, found, sp.rule)
						}
					}
				}
			}
		})
	}
}

// TestWhatIsExcused: a kill may cost a broker what it took before, and a
// question asked before an answer came proves nothing.
func TestWhatIsExcused(t *testing.T) {
	const kill = 1000
	commit := func(offset, began, at int64) Commit { return Commit{0, 0, "a", offset, false, began, at} }
	read := func(offset, began, at int64) Commit { return Commit{0, 0, "a", offset, true, began, at} }
	for _, tt := range []struct {
		name    string
		commits []Commit
		want    int // violations
	}{
		{"a kill after the commit", []Commit{commit(50, 10, 20), read(0, 1100, 1110)}, 0},
		{"a kill while the answer to the commit was read", []Commit{commit(50, 990, 1010), read(0, 1100, 1110)}, 0},
		{"a question before the answer", []Commit{commit(50, 1100, 1120), read(0, 1110, 1130)}, 0},
		{"an earlier offset after a kill", []Commit{commit(50, 10, 20), commit(40, 1100, 1110), read(40, 1120, 1130)}, 0},
		{"an earlier offset is not taken", []Commit{commit(50, 1100, 1110), commit(40, 1120, 1130), read(40, 1140, 1150)}, 1},
		{"forgotten before a kill", []Commit{commit(50, 10, 20), read(0, 30, 40)}, 1},
		{"forgotten after a kill", []Commit{commit(50, 1100, 1110), read(0, 1120, 1130)}, 1},
		{"the other broker was killed", []Commit{{0, 0, "b", 50, false, 10, 20}, {0, 0, "b", 0, true, 1100, 1110}}, 1},
		{"the other broker does not know it", []Commit{commit(50, 10, 20), {0, 0, "b", 0, true, 30, 40}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(1, Mode{}, calm)
			s.h.Events = []Event{{Kill, "a", kill}}
			s.h.Commits = tt.commits
			if _, found := s.check(); len(found) != tt.want {
				t.Errorf("found %v, want %d violations", found, tt.want)
			}
		})
	}
}

// TestSummary: what is found besides is counted as the story has it.
func TestSummary(t *testing.T) {
	for _, m := range modes() {
		s := newStory(2, m, promoted)
		want := Summary{Sent: len(s.h.Sends), Delivered: len(s.h.Deliveries), Vanished: 20}
		for _, o := range s.h.Sends {
			*map[string]*int{OK: &want.OK, Stored: &want.Stored, Unknown: &want.Unknown, Refused: &want.Refused}[o.Status]++
			if o.Status == OK && s.aside[o.ID] {
				want.Quarantined++
			}
		}
		copies := map[int64]int{}
		for _, r := range s.log {
			if copies[r.ID]++; copies[r.ID] == 2 {
				want.Duplicates++
			}
		}
		if got, _ := s.check(); got != want {
			t.Errorf("%s: %+v, want %+v", m, got, want)
		}
	}
}

// TestWhereLogsDiffer: the first byte that does is named, counted from the start
// of the log.
func TestWhereLogsDiffer(t *testing.T) {
	s := newStory(2, Mode{}, calm)
	s.b.Start, s.b.Bytes = storySegment, slices.Clone(s.b.Bytes[storySegment:]) // it began to copy later
	if _, found := s.check(); len(found) > 0 {
		t.Errorf("a log that begins later: %v", found)
	}
	s.b.Bytes[500] ^= 1
	s.b.Bytes[900] ^= 1
	want := []Violation{{"C4", fmt.Sprintf("the logs differ at %d", storySegment+500)}}
	if _, found := s.check(); !slices.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
}
