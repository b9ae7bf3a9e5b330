package check

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// TestAHistoryIsReadAsItWasWritten: what is left of a run can be judged later.
func TestAHistoryIsReadAsItWasWritten(t *testing.T) {
	want := newStory(1, Mode{SyncMaster: true}, promoted).h
	var file bytes.Buffer
	r := NewRecorder(&file, want.Mode)
	for _, s := range want.Sends {
		r.Send(s)
	}
	for _, d := range want.Deliveries {
		r.Delivery(d)
	}
	for _, c := range want.Commits {
		r.Commit(c)
	}
	for _, e := range want.Events {
		r.Event(e)
	}
	r.Final(want.Final)
	kept, err := r.History()
	if err != nil || !reflect.DeepEqual(kept, want) {
		t.Errorf("the recorder kept something else (%v)", err)
	}
	got, err := Read(&file)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("something else was read (%v)", err)
	}
	if _, err := Read(strings.NewReader("{\"send\":{}}\n{\"se")); err == nil {
		t.Error("a history that was cut off was read without an error")
	}
}

var errFull = errors.New("full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestAHistoryThatCannotBeWrittenIsNoneToJudgeBy(t *testing.T) {
	r := NewRecorder(fullDisk{}, Mode{})
	r.Send(Send{ID: 1})
	if _, err := r.History(); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
}

// TestABodyIsOneMessages: any other bytes are nobody's.
func TestABodyIsOneMessages(t *testing.T) {
	for _, id := range []int64{0, 1, 9, 10, 12345, 1<<62 + 7} {
		b := Body(id)
		if got := ID(b); got != id {
			t.Errorf("the body of %d is taken for that of %d", id, got)
		}
		for i := range b {
			b[i] ^= 1
			if got := ID(b); got == id {
				t.Errorf("the body of %d with byte %d changed is taken for it", id, i)
			}
			b[i] ^= 1
		}
		if got := ID(b[:len(b)-1]); got != -1 {
			t.Errorf("the body of %d cut short is taken for that of %d", id, got)
		}
		if got := ID(append(b, 'x')); got != -1 {
			t.Errorf("the body of %d and more is taken for that of %d", id, got)
		}
	}
	for _, b := range []string{"", "chaos", "chaos ", "chaos x ", "chaos -1 ", "chaos 99999999999999999999 "} {
		if got := ID([]byte(b)); got != -1 {
			t.Errorf("%q is taken for the body of %d", b, got)
		}
	}
}
