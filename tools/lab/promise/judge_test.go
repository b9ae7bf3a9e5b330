package promise

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// A history is a ledger and what is there after the cut: two producers in two
// queues, one message whose answer was lost, one that was refused, a consumer
// that has committed, and a topic.
type history struct {
	ledger  *Ledger
	reading Reading
}

func sound() history {
	l := NewLedger(io.Discard)
	var r Reading
	phy := int64(0)
	for id := int64(1); id <= 8; id++ {
		l.Begun(id)
		s := Send{ID: id, Producer: int(id % 2), Queue: int32(id % 2), Status: OK, QueueOffset: (id - 1) / 2, PhyOffset: phy}
		switch id {
		case 7:
			s.Status, s.QueueOffset, s.PhyOffset = Unknown, 0, 0 // it is there
		case 8:
			s.Status, s.QueueOffset, s.PhyOffset = Refused, 0, 0 // it is not
		}
		l.Send(s)
		if id < 8 {
			r.Records = append(r.Records, Record{ID: id, Queue: int32(id % 2), QueueOffset: (id - 1) / 2, PhyOffset: phy, Sum: uint64(100 + id)})
		}
		phy += 100
	}
	slices.SortFunc(r.Records, func(a, b Record) int { return int(a.Queue-b.Queue)*1000 + int(a.QueueOffset-b.QueueOffset) })
	l.Given(Record{ID: 1, Queue: 1, QueueOffset: 0, PhyOffset: 0, Sum: 101})
	for _, c := range []Commit{{At: time.Second, Offset: 1}, {At: 40 * time.Second, Offset: 2}} {
		c.Group, c.Queue = "G", 1
		l.Commit(c)
		c.Taken = true
		l.Commit(c)
	}
	l.Topic("T")
	l.Cut(45 * time.Second)
	r.Offsets = []Offset{{"G", 1, 1}, {"G", 0, -1}}
	r.Topics = []string{"S", "T"}
	return history{l, r}
}

// find returns the index of a message in the reading.
func (h *history) find(id int64) int {
	return slices.IndexFunc(h.reading.Records, func(r Record) bool { return r.ID == id })
}

func (h *history) judge() (Summary, []Violation) { return h.ledger.Judge(h.reading, h.ledger.Len()) }

func TestASoundHistoryIsNotBlamed(t *testing.T) {
	h := sound()
	s, found := h.judge()
	if len(found) > 0 {
		t.Errorf("violations: %v", found)
	}
	if want := (Summary{Promised: 6, Kept: 6, Unasked: 1, Records: 7}); s != want {
		t.Errorf("summary %+v, want %+v", s, want)
	}
}

func TestSpoiledHistoriesAreFound(t *testing.T) {
	tests := []struct {
		name, rule string
		spoil      func(h *history)
	}{
		{"the last message is gone", Lost, func(h *history) {
			h.reading.Records = slices.Delete(h.reading.Records, h.find(6), h.find(6)+1)
		}},
		{"everything is gone", Lost, func(h *history) { h.reading.Records = nil }},
		{"a message lies elsewhere in the log", Moved, func(h *history) { h.reading.Records[h.find(5)].PhyOffset = 5000 }},
		{"two messages have changed places", Moved, func(h *history) {
			a, b := &h.reading.Records[h.find(3)], &h.reading.Records[h.find(5)]
			a.ID, b.ID = b.ID, a.ID
		}},
		{"a message that nobody sent", Foreign, func(h *history) {
			h.reading.Records = append(h.reading.Records, Record{ID: 77, Queue: 2, PhyOffset: 9000})
		}},
		{"a damaged body", Foreign, func(h *history) { h.reading.Records[h.find(4)].ID = -1 }},
		{"a message that was refused", WasRefused, func(h *history) {
			h.reading.Records = append(h.reading.Records, Record{ID: 8, Queue: 2, PhyOffset: 9000})
		}},
		{"a message is stored twice", Twice, func(h *history) {
			h.reading.Records = append(h.reading.Records, Record{ID: 7, Queue: 2, PhyOffset: 9000})
		}},
		{"one record for two offsets", Twice, func(h *history) { h.reading.Records[h.find(7)].PhyOffset = 0 }},
		{"an offset is left out", Gap, func(h *history) { h.reading.Records[h.find(7)].QueueOffset = 4 }},
		{"what was read before is another", Changed, func(h *history) { h.reading.Records[h.find(1)].Sum++ }},
		{"what was read before is gone", Changed, func(h *history) {
			h.ledger.Given(Record{ID: 9, Queue: 0, QueueOffset: 3, PhyOffset: 800})
		}},
		{"what was there after an earlier cut is another", Changed, func(h *history) {
			h.ledger.Keep(h.reading)
			h.reading.Records = slices.Clone(h.reading.Records)
			h.reading.Records[h.find(7)].Sum++
		}},
		{"messages of a producer are in another order", Order, func(h *history) {
			h.ledger.Begun(9)
			h.ledger.Send(Send{ID: 9, Producer: 1, Queue: 1, Status: Unknown})
			h.reading.Records[h.find(7)].ID = 9
			h.reading.Records = append(h.reading.Records, Record{ID: 7, Queue: 1, QueueOffset: 4, PhyOffset: 700})
		}},
		{"an old consumer offset is lost", BadOffset, func(h *history) { h.reading.Offsets[0].Offset = -1 }},
		{"an old consumer offset is not told", BadOffset, func(h *history) { h.reading.Offsets = nil }},
		{"a consumer offset that nobody committed", BadOffset, func(h *history) { h.reading.Offsets[0].Offset = 3 }},
		{"a consumer offset of a queue without one", BadOffset, func(h *history) { h.reading.Offsets[1].Offset = 0 }},
		{"a consumer offset that was there after an earlier cut", BadOffset, func(h *history) {
			h.reading.Offsets = []Offset{{"G", 1, 2}, {"G", 0, -1}}
			h.ledger.Keep(h.reading)
			h.reading.Offsets = []Offset{{"G", 1, 1}, {"G", 0, -1}}
		}},
		{"a topic is not there", NoTopic, func(h *history) { h.reading.Topics = []string{"S"} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := sound()
			tt.spoil(&h)
			_, found := h.judge()
			if !slices.ContainsFunc(found, func(v Violation) bool { return v.Rule == tt.rule }) {
				t.Errorf("found %v, want a violation of %q", found, tt.rule)
			}
		})
	}
}

// TestYoungOffsetsMayBeForgotten: a commit counts against the cut that follows
// it, not against later ones.
func TestYoungOffsetsMayBeForgotten(t *testing.T) {
	h := sound()
	h.reading.Offsets[0].Offset = 1 // the commit of 2 was 5 s old
	h.ledger.Cut(200 * time.Second)
	if _, found := h.judge(); len(found) > 0 {
		t.Errorf("violations: %v", found)
	}
}

// TestWhatCameLaterIsNotPromised judges a reading by the part of the ledger that
// was learned before a moment.
func TestWhatCameLaterIsNotPromised(t *testing.T) {
	h := sound()
	moment := h.ledger.Len()
	h.ledger.Begun(9)
	h.ledger.Send(Send{ID: 9, Status: OK, Queue: 0, QueueOffset: 3, PhyOffset: 800})
	if _, found := h.ledger.Judge(h.reading, moment); len(found) > 0 {
		t.Errorf("without it: %v", found)
	}
	with := h.reading
	with.Records = append(slices.Clone(with.Records), Record{ID: 9, Queue: 0, QueueOffset: 3, PhyOffset: 800})
	slices.SortStableFunc(with.Records, func(a, b Record) int { return int(a.Queue - b.Queue) })
	if _, found := h.ledger.Judge(with, moment); len(found) > 0 {
		t.Errorf("with it: %v", found)
	}
	if _, found := h.judge(); len(found) != 1 || found[0].Rule != Lost {
		t.Errorf("later: %v, want it lost", found)
	}
}

func TestDisbelieveTakesBackWhatALyingDiskMadeABrokerSay(t *testing.T) {
	h := sound()
	from := h.ledger.Len()
	h.ledger.Begun(9)
	h.ledger.Send(Send{ID: 9, Status: OK, Queue: 0, QueueOffset: 3, PhyOffset: 800})
	h.ledger.Given(Record{ID: 9, Queue: 0, QueueOffset: 3, PhyOffset: 800})
	h.ledger.Topic("U")
	if got := h.ledger.OKBegunAfter(from); !slices.Equal(got, []int64{9}) {
		t.Errorf("OKBegunAfter = %v, want 9", got)
	}
	oks := h.ledger.OKs()
	h.ledger.Disbelieve(from)
	if got := h.ledger.OKs(); got != oks-1 {
		t.Errorf("%d OKs are left of %d", got, oks)
	}
	if _, found := h.judge(); len(found) > 0 {
		t.Errorf("violations: %v", found)
	}
}

func TestABodySaysItsID(t *testing.T) {
	least, most := maxBody, 0
	for id := int64(1); id < 500; id++ {
		b := Body(id)
		if got := ID(b); got != id {
			t.Fatalf("ID(Body(%d)) = %d", id, got)
		}
		least, most = min(least, len(b)), max(most, len(b))
		b[len(b)-1] ^= 1
		if got := ID(b); got != -1 {
			t.Fatalf("the damaged body of %d passes for that of %d", id, got)
		}
	}
	if least < minBody || least > 2*minBody || most > maxBody || most < maxBody/2 {
		t.Errorf("bodies have %d to %d bytes, want %d to %d", least, most, minBody, maxBody)
	}
	for _, b := range []string{"", "lab ", "lab x ", "lab -1 ", "lab 1", "lab 1 " + strings.Repeat("x", 200)} {
		if got := ID([]byte(b)); got != -1 {
			t.Errorf("ID(%q) = %d", b, got)
		}
	}
}
