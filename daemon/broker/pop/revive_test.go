package pop

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

const reviveTopic = ReviveTopicPrefix + "C"

// note stores a record of the revive topic.
func (r *rig) note(tag, body string) {
	r.t.Helper()
	done := make(chan error, 1)
	m := record.Message{Topic: reviveTopic, Body: []byte(body), Properties: "TAGS\x01" + tag}
	if err := r.st.Put([]record.Message{m}, func(err error) { done <- err }); err != nil {
		r.t.Fatal(err)
	}
	if err := <-done; err != nil {
		r.t.Fatal(err)
	}
}

// TestWhatAnApacheMasterGaveOut: of what its log says was given out that comes again which
// no acknowledgement is for, once, over a restart too, and nothing before that is read.
func TestWhatAnApacheMasterGaveOut(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		for n := range 12 {
			if err := r.put(n); err != nil {
				t.Fatal(err)
			}
		}
		now := time.Now().UnixMilli()
		given := func(queue, start, num int, rest string) string {
			return fmt.Sprintf(`{"bn":"b","c":"G","it":5000,"n":%d,"pt":%d,"q":%d,"ro":0,"so":%d,"t":"T"%s}`, num, now, queue, start, rest)
		}
		r.note("ck", given(0, 5, 1, ""))             // before the offset of the old master's
		r.note("ck", given(0, 0, 3, `,"d":[0,1,4]`)) // m0, m2, m8: the second is acknowledged
		r.note("ck", given(1, 0, 2, `,"bm":1`))      // m1, m3: the first was acknowledged when it was noted
		r.note("ck", given(1, 2, 2, `,"d":[0,1]`))   // m5, m7: both are acknowledged
		r.note("ck", given(1, 90, 1, ""))            // is not there
		r.note("ck", given(0, 0, 1<<20, ""))         // cannot be
		r.note("ck", `{"c":"G","n":1`)               // neither
		r.note("ck", fmt.Sprintf(`{"c":"gone","it":5000,"n":1,"pt":%d,"q":0,"so":0,"t":"T"}`, now))
		r.note("ack", given(0, 0, 0, `,"ao":1`))
		r.note("bAck", given(1, 2, 0, `,"aol":[2,3]`))
		r.note("ack", given(1, 4, 0, `,"ao":4`)) // for nothing
		for _, err := range []error{
			r.st.PutTopic(table.Topic{Name: reviveTopic, ReadQueueNums: 2, WriteQueueNums: 2, Perm: 6}), r.st.PutGroup(table.DefaultGroup("G")),
			r.st.ResetOffsets([]table.Offset{{Group: reviveGroup, Topic: reviveTopic, Offset: 0}, {Group: "G", Topic: "T", QueueID: 0, Offset: 6}, {Group: "G", Topic: "T", QueueID: 1, Offset: 6}}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		life := func(meanwhile func(*Service)) (come []string) {
			t.Helper()
			o := r.s.o
			o.Revive = reviveTopic
			s, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			retry := RetryTopic("G", "T")
			meanwhile(s)
			for range 10 {
				time.Sleep(time.Second)
				synctest.Wait()
				if n := r.st.MaxOffset(retry, 0); n > 0 && time.Now().UnixMilli() < now+5000 {
					t.Errorf("%d messages come again before they are visible", n)
				}
			}
			cancel()
			<-ended
			for offset := range r.st.MaxOffset(retry, 0) {
				_, v, err := s.message(retry, 0, offset)
				if err != nil || v == nil {
					t.Fatalf("%v, %v", v, err)
				}
				first, _ := v.Property(propertyFirstPop)
				come = append(come, fmt.Sprintf("%s again=%d first=%v", v.Body(), v.ReconsumeTimes(), string(first) == fmt.Sprint(now)))
			}
			return come
		}
		const want = "[0 again=1 first=true 8 again=1 first=true 3 again=1 first=true]"
		if got := fmt.Sprint(life(func(*Service) {})); got != want {
			t.Errorf("there came %s, want %s; the log says %s", got, want, r.log)
		}
		if at, _ := r.st.Offset(reviveGroup, reviveTopic, 0); at != 7 {
			t.Errorf("it is done with until %d, want 7", at)
		}
		// What the master had popped for longer arrives by its timer.
		got := fmt.Sprint(life(func(s *Service) {
			time.Sleep(time.Minute)
			synctest.Wait()
			if o := s.Ack("G", "T", 0, 5, Handle{PopTime: now, Invisible: 5000}); o != Unknown {
				t.Errorf("an acknowledgement of what the old master gave out is %v", o)
			}
			r.note("ck", given(0, 5, 1, ""))           // m10
			r.note("ck", given(1, 4, 2, `,"d":[0,1]`)) // m9, m11
			s.Arrived([]store.Arrival{{Topic: "T"}, {Topic: reviveTopic}})
			time.Sleep(time.Second)
			r.note("ack", given(1, 4, 0, `,"ao":5`))
			s.Arrived([]store.Arrival{{Topic: reviveTopic}})
		}))
		if late := want[:len(want)-1] + " 9 again=1 first=true]"; got != late {
			t.Errorf("after one more start there are %s, want %s", got, late)
		}
		r.mustStop()
	})
}
