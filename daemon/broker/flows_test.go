package broker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestWindowsOfAFlow lets one message a second in for more than a day.
func TestWindowsOfAFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFlows(2, time.Now())
		for second := range 25*60*60 + 30 {
			if second%10 == 0 && second > 0 {
				s.sample(time.Now())
			}
			s.put("T", 1, 100)
			time.Sleep(time.Second)
			var want [windowCount]int64
			switch second + 1 {
			case 5, 55:
				want = [...]int64{int64(second) + 1, int64(second) + 1, int64(second) + 1}
			case 100:
				want = [...]int64{60 + 10, 100, 100} // sampled at 30 last of those that are kept, and 10 s ago
			case 2 * 60 * 60:
				want = [...]int64{70, 70 * 60, 2 * 60 * 60}
			case 25*60*60 + 30:
				want = [...]int64{70, 60*60 + 30, 24*60*60 + 30}
			default:
				continue
			}
			gone, took := s.since(s.of(flowKey{kind: flowPut, topic: "T"}), time.Now())
			for i := range want {
				if gone[i].messages != want[i] || gone[i].bytes != 100*want[i] || gone[i].calls != want[i] || took[i] != time.Duration(want[i])*time.Second {
					t.Errorf("after %d s, window %d has %+v within %v, want %d", second+1, i, gone[i], took[i], want[i])
				}
			}
			if r := s.perSecond(flowKey{kind: flowPut, topic: "T"}, time.Now()); r != 1 {
				t.Errorf("after %d s it is %v a second, want 1", second+1, r)
			}
		}
	})
}

// TestFlowsAreBounded: those that come first are counted, and make room when they are
// deleted or have not moved for a day.
func TestFlowsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFlows(2, time.Now())
		for i := range 3 {
			s.put(fmt.Sprint("T", i), 1, 1)
			s.get("G", fmt.Sprint("T", i), 1, 1)
		}
		counted := func(kind flowKind, group string) (names string) {
			for i := range 4 {
				if f := (*s.all.Load())[flowKey{kind, fmt.Sprint("T", i), group}]; f != nil {
					names += fmt.Sprint(" T", i)
				}
			}
			return names
		}
		if in, out := counted(flowPut, ""), counted(flowGet, "G"); in != " T0 T1" || out != " T0 T1" {
			t.Errorf("counted are%s and%s, want T0 T1 of each kind", in, out)
		}
		if s.in.messages.Load() != 3 || s.out.messages.Load() != 3 {
			t.Errorf("%d messages came in and %d went out, want 3 and 3", s.in.messages.Load(), s.out.messages.Load())
		}
		s.forget(func(k flowKey) bool { return k.topic == "T0" })
		s.put("T2", 1, 1)
		if in, out := counted(flowPut, ""), counted(flowGet, "G"); in != " T1 T2" || out != " T1" {
			t.Errorf("without T0, counted are%s and%s, want T1 T2 and T1", in, out)
		}
		for range 26 {
			time.Sleep(time.Hour)
			s.put("T2", 1, 1)
			s.sample(time.Now())
		}
		if in, out := counted(flowPut, ""), counted(flowGet, "G"); in != " T2" || out != "" {
			t.Errorf("after a day, counted are%s and%s, want T2 alone", in, out)
		}
	})
}

func TestCountingAllocatesNothing(t *testing.T) {
	s := newFlows(10, time.Now())
	topic, group := "T", "G"
	s.put(topic, 1, 1)
	if n := testing.AllocsPerRun(100, func() { s.put(topic, 1, 100); s.get(group, topic, 1, 100) }); n != 0 { // but for new flows, which a first run has made
		t.Errorf("counting allocates %v times", n)
	}
}

func BenchmarkFlows(b *testing.B) {
	s := newFlows(100, time.Now())
	for i := range 100 {
		s.get("Group", fmt.Sprint("Topic", i), 1, 1)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.get("Group", "Topic7", 1, 100)
		}
	})
}
