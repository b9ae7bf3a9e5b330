package verify

import (
	"slices"
	"strings"
	"testing"
)

const sec = int64(1e6) // µs

// A story is one queue's history, of which the clock stands at now.
type story struct {
	now   int64
	lives []*Life
}

// join has a consumer come.
func (s *story) join(client string) *Life {
	l := &Life{Client: client, Began: s.now, Started: s.now + sec/2}
	s.lives = append(s.lives, l)
	s.now += sec
	return l
}

// end has it leave or crash.
func (s *story) end(l *Life, crash bool) {
	l.Ended, l.Gone, l.Crashed = s.now, s.now+sec/10, crash
	s.now += sec / 5
}

// give has it get the messages from..to-1, ten a second.
func (s *story) give(l *Life, from, to int64) {
	for offset := range to - from {
		l.Got = append(l.Got, Got{QueueID: 3, QueueOffset: from + offset, Micros: s.now, DoneMicros: s.now + 5000})
		s.now += sec / 10
	}
}

// goodStory is a history without a fault, in which there is every cause.
func goodStory() (*story, map[string]*Life) {
	s, by := &story{now: 1e15}, map[string]*Life{}
	by["a"] = s.join("a")
	s.give(by["a"], 0, 200) // 20 s: commits at 10 and 15 s
	by["b"] = s.join("b")
	s.give(by["b"], 200, 300) // handed over clean
	by["c"] = s.join("c")
	s.give(by["c"], 299, 320) // b was at 299
	s.end(by["c"], true)
	by["c again"] = s.join("c")
	s.give(by["c again"], 299, 440)
	s.end(by["c again"], false)
	s.give(by["a"], 430, 500) // before c's last commit came
	s.end(by["a"], true)
	s.now += 56 * sec
	s.give(by["b"], 430, 520) // after a's lock
	return s, by
}

func TestChurnAllowsWhatRocketMQDoes(t *testing.T) {
	s, _ := goodStory()
	r, err := Churn(s.lives)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{AgainFlight: 1, AgainCrash: 21 + 70, AgainLeave: 10}
	for cause, n := range want {
		if r.Again[cause] != n {
			t.Errorf("%s: %d messages came again, want %d; all: %v", cause, r.Again[cause], n, r.Again)
		}
	}
	if len(r.Again) != len(want) || r.HandOvers != 5 {
		t.Errorf("%d hand-overs, again: %v", r.HandOvers, r.Again)
	}
}

func TestChurnNoticesEveryFault(t *testing.T) {
	tests := []struct {
		name   string
		story  func() *story
		reason string // of the first complaint
	}{
		{"a message is missing", func() *story {
			s, by := goodStory()
			by["a"].Got = slices.Delete(by["a"].Got, 50, 51)
			return s
		}, "came where 50 was due"},
		{"two are swapped", func() *story {
			s, by := goodStory()
			by["a"].Got[50].QueueOffset, by["a"].Got[51].QueueOffset = 51, 50
			return s
		}, "came where 50 was due"},
		{"the first is missing", func() *story {
			s, by := goodStory()
			by["a"].Got = by["a"].Got[1:]
			return s
		}, "was the first"},
		{"one is skipped at a hand-over", func() *story {
			s, by := goodStory()
			by["b"].Got = by["b"].Got[1:]
			return s
		}, "came where 200 was due"},
		{"one is skipped in a replay", func() *story {
			s, by := goodStory()
			by["c again"].Got = slices.Delete(by["c again"].Got, 5, 6)
			return s
		}, "came where 304 was due"},
		{"a listener goes on while another has begun", func() *story {
			s, by := goodStory()
			by["a"].Got[199].DoneMicros = by["b"].Got[0].Micros + 1
			return s
		}, "began 1 µs before the one in front"},
		{"a listener does not end", func() *story {
			s, by := goodStory()
			by["b"].Got[7].DoneMicros = 0
			return s
		}, "did not end"},
		{"a message after shutdown", func() *story {
			s, by := goodStory()
			by["c again"].Gone = by["c again"].Got[140].Micros - 1
			return s
		}, "after its consumer's end"},
		{"nobody came or went", func() *story {
			s := &story{now: 1e15}
			a, b := s.join("a"), s.join("b")
			s.now += 10 * sec
			s.give(a, 0, 300)
			s.give(b, 300, 310)
			return s
		}, "nobody had come or gone"},
		{"its own start is no reason", func() *story {
			s := &story{now: 1e15}
			b := s.join("b")
			s.now += 30 * sec
			a := s.join("a")
			s.give(a, 0, 10)
			s.give(b, 10, 20)
			return s
		}, "nobody had come or gone"},
		{"two own the queue and take turns", func() *story {
			s := &story{now: 1e15}
			a := s.join("a")
			s.give(a, 0, 50)
			b := s.join("b")
			for i := int64(50); i < 60; i++ {
				s.give(b, i, i+1)
				s.give(a, i, i+1)
			}
			return s
		}, "nobody had come or gone"},
		{"a consumer that is there has its messages consumed again", func() *story {
			s := &story{now: 1e15}
			a := s.join("a")
			s.give(a, 0, 50)
			s.give(s.join("b"), 48, 60)
			return s
		}, "commits before it does"},
		{"a consumer goes back for no reason", func() *story {
			s := &story{now: 1e15}
			a := s.join("a")
			s.give(a, 0, 200)
			s.give(a, 199, 210)
			return s
		}, "nobody had come or gone"},
		{"a crash does not excuse what was committed", func() *story {
			s := &story{now: 1e15}
			a := s.join("a")
			s.give(a, 0, 300) // until 31 s; the commit of 25 s is in
			s.end(a, true)
			s.give(s.join("a"), 220, 320)
			return s
		}, "committed before its end"},
		{"nor what was committed when the one that crashed began", func() *story {
			s := &story{now: 1e15}
			a := s.join("a")
			s.give(a, 0, 100)
			s.end(a, false)
			b := s.join("b")
			s.give(b, 100, 120)
			s.end(b, true)
			s.give(s.join("b"), 99, 130)
			return s
		}, "100 committed before its end"},
		{"a replay that is cut goes on where the first began again", func() *story {
			s := &story{now: 1e15}
			a := s.join("a")
			s.give(a, 0, 50)
			s.end(a, true)
			b := s.join("a")
			s.give(b, 20, 30)
			s.give(s.join("c"), 20, 60)
			return s
		}, "commits before it does"},
		{"the lock of one that crashed is given away", func() *story {
			s := &story{now: 1e15}
			a := s.join("a")
			s.give(a, 0, 50)
			s.end(a, true)
			s.give(s.join("b"), 0, 60)
			return s
		}, "could expire"},
		{"a replay long after its consumer left", func() *story {
			s := &story{now: 1e15}
			a := s.join("a")
			s.give(a, 0, 50)
			s.end(a, false)
			s.now += 10 * sec
			s.give(s.join("b"), 40, 60)
			return s
		}, "which left and had committed"},
	}
	for _, tt := range tests {
		_, err := Churn(tt.story().lives)
		if err == nil {
			t.Errorf("%s: not noticed", tt.name)
			continue
		}
		if first, _, _ := strings.Cut(err.Error(), "\n"); !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %s, want %q", tt.name, first, tt.reason)
		}
	}
}
