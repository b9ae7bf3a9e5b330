package verify

import (
	"strings"
	"testing"
	"time"
)

const second = int64(1_000_000) // µs

// stretch is what a consumer got of queue 0, from one offset up to another, one each ms.
func stretch(l *Life, from, to, micros int64) {
	for ; from < to; from, micros = from+1, micros+1000 {
		l.Got = append(l.Got, Got{QueueOffset: from, Micros: micros})
	}
}

func TestRepeats(t *testing.T) {
	crash := Mark{From: 60 * second, Until: 60 * second, Committed: []int64{40}}
	for _, c := range []struct {
		name  string
		marks []Mark
		make  func(a, b *Life)
		again int
		want  string
	}{
		{"nothing twice", nil, func(a, _ *Life) { stretch(a, 0, 50, second) }, 0, ""},
		{"from what was committed", []Mark{crash}, func(a, b *Life) { stretch(a, 0, 50, 59*second); stretch(b, 40, 60, 61*second) }, 10, ""},
		{"out of order", []Mark{crash}, func(a, b *Life) {
			stretch(a, 0, 50, 59*second)
			stretch(b, 45, 50, 61*second)
			stretch(b, 40, 45, 62*second)
		}, 10, ""},
		{"one below", []Mark{crash}, func(a, b *Life) { stretch(a, 0, 50, 59*second); stretch(b, 39, 60, 61*second) }, 11, "offset 39 to b at 61000000 µs had been consumed: 40 was committed"},
		{"by an earlier mark", []Mark{{From: 10 * second, Until: 11 * second, Committed: []int64{0}}, crash},
			func(a, b *Life) { stretch(a, 0, 50, 59*second); stretch(b, 39, 60, 61*second) }, 11, "40 was committed"},
		{"without a cause", nil, func(a, b *Life) { stretch(a, 0, 50, 59*second); stretch(b, 49, 60, 61*second) }, 1, "nobody had come or gone"},
		{"too late a cause", []Mark{crash}, func(a, b *Life) { stretch(a, 0, 50, 50*second); stretch(b, 49, 51, 59*second) }, 1, "nobody had come or gone"},
		{"by the same", []Mark{crash}, func(a, _ *Life) { stretch(a, 0, 50, 59*second); stretch(a, 49, 50, 59*second+500_000) }, 1, "nobody had come or gone"},
		{"by the same again", []Mark{crash}, func(a, _ *Life) { stretch(a, 0, 50, 59*second); stretch(a, 40, 50, 61*second) }, 10, ""},
	} {
		a, b := &Life{Client: "a"}, &Life{Client: "b"}
		c.make(a, b)
		again, err := Repeats([]*Life{a, b}, c.marks, 5*time.Second)
		if again != c.again || c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %d again, %v; want %d, %q", c.name, again, err, c.again, c.want)
		}
	}
}
