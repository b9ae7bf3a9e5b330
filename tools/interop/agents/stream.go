package agents

import (
	"context"
	"strconv"
	"sync"

	"pairmq/tools/interop/line"
	"pairmq/tools/interop/verify"
)

// A stream is what one command has reported so far.
type stream struct {
	id string

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every event
	finished bool
	over     error // why nothing is added any more
	failure  string
	sent     []verify.Sent
	got      []verify.Got
	open     map[[2]int64]int // index in got of what a listener is at, by queue and offset
	sought   map[int32]int64
	checked  map[int]int // how often the broker has asked for a message
	found    map[Asked]string
}

func (s *stream) add(l line.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch l.Verb {
	case "ok":
		s.finished = true
	case "failed":
		s.finished, s.failure = true, l.Get("error")
	case "sent":
		for i := range l.Int64("count") {
			one := verify.Sent{Index: int(l.Int64("n") + i), Status: l.Get("status"), QueueID: int32(l.Int64("q")), QueueOffset: l.Int64("qo"), MsgID: l.Get("msg"), OffsetMsgID: l.Get("off")}
			if one.QueueOffset != verify.NoOffset {
				one.QueueOffset += i
			}
			s.sent = append(s.sent, one)
		}
	case "got":
		s.addGot(l)
	case "done":
		if i, ok := s.open[place(l)]; ok {
			s.got[i].DoneMicros = l.Int64("t")
			delete(s.open, place(l))
		}
	case "checked":
		if s.checked == nil {
			s.checked = map[int]int{}
		}
		s.checked[int(l.Int64("n"))]++
	case "found":
		if s.found == nil {
			s.found = map[Asked]string{}
		}
		s.found[Asked{l.Get("how"), l.Get("asked")}] = l.Get("answer")
	case "sought":
		if s.sought == nil {
			s.sought = map[int32]int64{}
		}
		s.sought[int32(l.Int64("q"))] = l.Int64("qo")
	}
	s.wake()
}

func (s *stream) addGot(l line.Line) {
	g := verify.Got{Index: -1, QueueID: int32(l.Int64("q")), QueueOffset: l.Int64("qo"), Micros: l.Int64("t"),
		Length: int(l.Int64("len")), CRC: uint32(l.Int64("crc")), Flag: int32(l.Int64("flag")), Reconsumed: int32(l.Int64("again")),
		Topic: l.Get("topic"), Born: l.Int64("born"), Stored: l.Int64("stored")}
	props, err := line.DecodeMap(l.Get("props"))
	if err == nil {
		g.Properties = props
	}
	if n, err := strconv.Atoi(props["n"]); err == nil {
		g.Index = n
	}
	if s.open == nil {
		s.open = map[[2]int64]int{}
	}
	s.open[place(l)] = len(s.got)
	s.got = append(s.got, g)
}

func place(l line.Line) [2]int64 { return [2]int64{l.Int64("q"), l.Int64("qo")} }

func (s *stream) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *stream) end(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = why
	s.wake()
}

// wait waits until cond holds, which is called with s.mu held; it fails when
// the agent or ctx has ended.
func (s *stream) wait(ctx context.Context, cond func() bool) error {
	for {
		s.mu.Lock()
		met, over, changed := cond(), s.over, s.changed
		s.mu.Unlock()
		switch {
		case met:
			return nil
		case over != nil:
			return over
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
