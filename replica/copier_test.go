package replica_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/replica"
	"pairmq/store"
)

// The store is what the daemon hands to a Copier.
var _ replica.Metadata = (*store.Store)(nil)

func TestASlaveCopiesWhatItsMasterKeeps(t *testing.T) {
	copyTest(t, func(t *testing.T, r *copying) {
		const round = "21@10909 43@10911 45@10911 201@10911"
		if got := r.requests(); got != round {
			t.Errorf("asked %s, want %s", got, round)
		}
		// One commit for all topics, one for all groups, and offsets in memory.
		if got, want := r.meta.counts(), "11 topics 8 groups 3 offsets 5 writes"; got != want {
			t.Errorf("after 4.9.7: %s, want %s", got, want)
		}
		if o, _ := r.meta.Offset("cg2", "PeerTopic", 0); o != 6 {
			t.Errorf("cg2 is at %d, want 6", o)
		}
		if got := r.meta.hasProgress(); len(got) != 1 || got["SCHEDULE_TOPIC_XXXX/1"] != 1 {
			t.Errorf("delay offsets %v, want level 2 at 1", got)
		}
		time.Sleep(35 * time.Second)
		synctest.Wait()
		if got, want := r.requests(), strings.Join([]string{round, round, round}, " "); got != want {
			t.Errorf("within 35 s asked %s, want a round every 10 s", got)
		}
		if got, want := r.meta.counts(), "11 topics 8 groups 3 offsets 5 writes"; got != want || r.changed != 1 {
			t.Errorf("after three rounds without a difference: %s, topics changed %d times, want %s, once", got, r.changed, want)
		}
		// Another master: 5.4.0, whose offset for the op topic is 1, not 2.
		r.answersOf("5.4.0")
		r.now()
		if got, want := r.meta.counts(), "16 topics 9 groups 3 offsets 8 writes"; got != want || r.changed != 2 {
			t.Errorf("after 5.4.0: %s, topics changed %d times, want %s, twice", got, r.changed, want)
		}
		if o, _ := r.meta.Offset("CID_RMQ_SYS_TRANS", "RMQ_SYS_TRANS_OP_HALF_TOPIC", 0); o != 2 {
			t.Errorf("an older offset was taken over: %d, want 2", o)
		}
		if r.logged("level=WARN") != 0 {
			t.Errorf("the log warns:\n%s", r.log)
		}
	})
}

// TestConsumerOffsetsNeverGoBack is R6: while the master was away consumers
// went on at the slave; it returns with what it knew before.
func TestConsumerOffsetsNeverGoBack(t *testing.T) {
	copyTest(t, func(t *testing.T, r *copying) {
		const topic, group = "T", "g"
		check := func(when string, want ...int64) {
			t.Helper()
			for q, w := range want {
				if got, ok := r.meta.Offset(group, topic, int32(q)); got != w || !ok {
					t.Errorf("%s: queue %d is at %d, want %d", when, q, got, w)
				}
			}
		}
		r.answer(43, `{"offsetTable":{"T@g":{0:100,1:100}}}`)
		r.now()
		check("copied", 100, 100)
		r.set(func() { r.master = "" })
		r.meta.CommitOffset(group, topic, 0, 150)
		r.meta.CommitOffset(group, topic, 2, 7)
		time.Sleep(time.Minute)
		synctest.Wait()
		writes := r.meta.counts()
		r.found()
		check("the master is back", 150, 100, 7)
		if got := r.meta.counts(); got != writes {
			t.Errorf("older offsets were written: %s, then %s", writes, got)
		}
		r.answer(43, `{"offsetTable":{"T@g":{0:149,1:101,2:6}}}`)
		r.now()
		check("the master catches up", 150, 101, 7)
		r.answer(43, `{"offsetTable":{"T@g":{0:0,1:0,2:0}}}`)
		r.now()
		check("the master has lost its offsets", 150, 101, 7)
		r.answer(43, `{"offsetTable":{}}`)
		r.now()
		check("the master has none", 150, 101, 7)
		r.answer(43, `{"offsetTable":{"T@g":{0:151}}}`)
		r.now()
		check("the master is ahead", 151, 101, 7)
	})
}

func TestTablesBecomeTheMasters(t *testing.T) {
	const all = `{"topicConfigTable":{"A":{"perm":6,"readQueueNums":4,"writeQueueNums":4},"B":{"perm":6}}}`
	const groups = `{"subscriptionGroupTable":{"a":{},"b":{"retryMaxTimes":3}}}`
	tests := []struct {
		name          string
		topics, total string
		groups        string
		same          bool
		want          string // what there is afterwards
	}{
		{"changed and removed", `{"topicConfigTable":{"A":{"perm":4}}}`, "", `{"subscriptionGroupTable":{"a":{"consumeEnable":false}}}`, true, "A4 a-"},
		{"added", `{"topicConfigTable":{"A":{"perm":6},"B":{"perm":6},"C":{"perm":2}}}`, "3", `{"subscriptionGroupTable":{"a":{},"b":{},"c":{}}}`, true, "A6 B6 C2 a+ b+ c+"},
		{"nothing at all", `{"topicConfigTable":{}}`, "", `{"subscriptionGroupTable":{}}`, true, "A6 B6 a+ b+"},
		{"only what cannot be", `{"topicConfigTable":{"../x":{}}}`, "", `{"subscriptionGroupTable":{"../x":{}}}`, true, "A6 B6 a+ b+"},
		{"one of them cannot be", `{"topicConfigTable":{"B":{"perm":6},"A":{"perm":2,"readQueueNums":-1}}}`, "", `{"subscriptionGroupTable":{"b":{},"a":{"retryQueueNums":-1}}}`, true, "A6 B6 a+ b+"},
		{"a page", `{"topicConfigTable":{"A":{"perm":4}}}`, "2", `{"subscriptionGroupTable":{"a":{"consumeEnable":false}}}`, true, "A4 B6 a- b+"},
		{"all of a page", `{"topicConfigTable":{"A":{"perm":4}}}`, "1", `{"subscriptionGroupTable":{"a":{"consumeEnable":false}}}`, true, "A4 a-"},
		{"a total that is none", `{"topicConfigTable":{"A":{"perm":4}}}`, "x", `{"subscriptionGroupTable":{"a":{"consumeEnable":false}}}`, true, "A4 B6 a- b+"},
		{"another log", `{"topicConfigTable":{"C":{"perm":4}}}`, "", `{"subscriptionGroupTable":{"c":{"consumeEnable":false}}}`, false, "A6 B6 C4 a+ b+ c-"},
		{"too many", `{"topicConfigTable":{` + strings.Repeat(`"A":{"perm":4},`, 10_000) + `"A":{"perm":4}}}`, "", groups, true, "A6 B6 a+ b+"},
	}
	copyTest(t, func(t *testing.T, r *copying) {
		for _, test := range tests {
			r.set(func() { r.same = true })
			r.answer(21, all)
			r.answer(201, groups)
			r.now()
			r.set(func() { r.same = test.same })
			if test.total == "" {
				r.answer(21, test.topics)
				r.answer(201, test.groups)
			} else {
				r.answer(21, test.topics, "totalTopicNum", test.total)
				r.answer(201, test.groups, "totalGroupNum", test.total)
			}
			r.now()
			var got []string
			topics, _ := r.meta.Topics()
			for _, topic := range topics {
				got = append(got, fmt.Sprintf("%s%d", topic.Name, topic.Perm))
			}
			all, _ := r.meta.Groups()
			for _, g := range all {
				got = append(got, g.Name+map[bool]string{true: "+", false: "-"}[g.ConsumeEnable])
			}
			slices.Sort(got)
			if strings.Join(got, " ") != test.want {
				t.Errorf("%s: %s, want %s", test.name, got, test.want)
			}
		}
		if r.logged("kept what the master does not have", "what=topics") != 1 {
			t.Errorf("that topics were kept is not logged once:\n%s", r.log)
		}
	})
}

// TestDelayOffsetsWaitForTheirLog: those of a master of ours count once the slave has
// the log in which what was delivered is, the older ones first; those of another log
// never do.
func TestDelayOffsetsWaitForTheirLog(t *testing.T) {
	copyTest(t, func(t *testing.T, r *copying) {
		check := func(when string, want int64) {
			t.Helper()
			synctest.Wait()
			got := r.meta.hasProgress()
			if at := got["SCHEDULE_TOPIC_XXXX/1"]; at != want {
				t.Errorf("%s: level 2 is at %d, want %d", when, at, want)
			}
			if want == 1 { // Apache's offset
				want = -1
			}
			if halves, ops := got["RMQ_SYS_TRANS_HALF_TOPIC/0"], got["RMQ_SYS_TRANS_OP_HALF_TOPIC/0"]; halves != want+1 || ops != max(want+1, 0)*2 {
				t.Errorf("%s: transactions are at %d and %d, want %d and twice that", when, halves, ops, want+1)
			}
		}
		answer := func(offset, end int64) {
			r.answer(45, fmt.Sprintf(`{"offsetTable":{2:%d},"transactions":{"0":%d,"1":%d},"log":{0:%d}}`, offset, offset+1, 2*(offset+1), end))
			r.now()
		}
		check("of Apache's master, which does not say", 1)
		answer(5, 1000)
		check("with 1000 bytes to come", 1)
		answer(9, 2000)
		r.meta.setDurable(1500)
		r.now()
		check("with the log of the older answer", 5)
		r.meta.setDurable(2000)
		r.now()
		check("with all of it", 9)
		answer(3, 10)
		check("from a master that is behind", 9)
		answer(11, 3000)
		r.set(func() { r.master = "other:10911" })
		r.now() // nobody is there
		r.set(func() { r.master = "m:10911" })
		answer(4, 10)
		r.meta.setDurable(3000)
		r.now()
		check("with as much of another master's log", 9)
		locked(&r.mu, func() bool { r.same = false; return true })
		answer(12, 10)
		check("of another log", 9)
	})
}

// TestStepsFailAlone: what fails is logged when it begins to and when it works
// again, and the others go on.
func TestStepsFailAlone(t *testing.T) {
	refuse := func(req *remoting.Request) { req.ReplyError(remoting.RespSystemError, "not today") }
	garbage := func(req *remoting.Request) { req.Reply(&remoting.Response{Body: []byte("{")}) }
	nothing := func(req *remoting.Request) { req.Reply(&remoting.Response{}) }
	silence := func(*remoting.Request) {}
	tests := []struct {
		code   int32
		what   string
		answer func(*remoting.Request)
		err    string
		dials  int
	}{
		{21, "topics", refuse, "not today", 0},
		{43, "consumer offsets", nothing, "0 bytes of JSON", 0},
		{45, "delay offsets", garbage, "not an answer of a master", 0},
		{201, "subscription groups", refuse, "not today", 0},
		{45, "delay offsets", silence, "deadline exceeded", 3},
	}
	copyTest(t, func(t *testing.T, r *copying) {
		for _, test := range tests {
			r.log.Reset()
			r.requests()
			dials := r.dials
			r.answerBy(test.code, test.answer)
			for range 3 {
				r.now()
				time.Sleep(4 * time.Second) // for 3 of them one may be waited for
				synctest.Wait()
			}
			if got := r.requests(); strings.Count(got, "@") != 12 {
				t.Errorf("with a bad %d asked %s, want all four thrice", test.code, got)
			}
			if r.logged("level=WARN", test.what, test.err) != 1 || r.logged("level=WARN") != 1 {
				t.Errorf("a bad %d is not logged once with %q:\n%s", test.code, test.err, r.log)
			}
			if got := r.dials - dials; got != test.dials {
				t.Errorf("with a bad %d dialled %d times, want %d", test.code, got, test.dials)
			}
			r.answersOf("4.9.7")
			r.now()
			r.now()
			if r.logged("level=INFO", "works again", test.what) != 1 {
				t.Errorf("that %d works again is not logged once:\n%s", test.code, r.log)
			}
		}
	})
}

// TestBadEntriesAreLoggedOnce, not every ten seconds.
func TestBadEntriesAreLoggedOnce(t *testing.T) {
	copyTest(t, func(t *testing.T, r *copying) {
		r.answer(43, `{"offsetTable":{"../x@g":{0:1},"T@g":{0:5}}}`)
		for range 3 {
			r.now()
		}
		if n := r.logged("level=WARN", "consumer offsets", "left=1", "../x"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, r.log)
		}
		if o, _ := r.meta.Offset("g", "T", 0); o != 5 {
			t.Errorf("the good one is at %d, want 5", o)
		}
	})
}

// TestAStoreThatFailsIsTold: what could not be written is tried again.
func TestAStoreThatFailsIsTold(t *testing.T) {
	copyTest(t, func(t *testing.T, r *copying) {
		r.meta.err = errors.New("disk on fire")
		r.answersOf("5.4.0")
		r.now()
		r.now()
		if n := r.logged("level=WARN", "what=topics", "disk on fire"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, r.log)
		}
		r.meta.err = nil
		r.now()
		if got, want := r.meta.counts(), "16 topics 9 groups 3 offsets 8 writes"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

func TestAMasterThatIsNotKnownIsNotAsked(t *testing.T) {
	copyTest(t, func(t *testing.T, r *copying) {
		r.requests()
		r.set(func() { r.master = "" })
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := r.requests(); got != "" || r.log.Len() > 0 && r.logged("level=WARN") > 0 {
			t.Errorf("asked %s; the log is\n%s", got, r.log)
		}
		for _, bad := range []string{"m", "m:2", "m:x", "m:65536"} {
			r.set(func() { r.master = bad })
			r.now()
		}
		if got := r.requests(); got != "" || r.logged("level=WARN", "what=topics") != 1 {
			t.Errorf("asked %s; the log is\n%s", got, r.log)
		}
		r.found()
		if got := r.requests(); strings.Count(got, "@") != 4 {
			t.Errorf("once it is known asked %s, want all four at once", got)
		}
	})
}

func TestNewCopierWantsItsParts(t *testing.T) {
	if c, err := replica.NewCopier(replica.CopierOptions{}); err == nil {
		t.Errorf("NewCopier gives %v without any part", c)
	}
}

// TestLatest waits for a round that begins after it was asked for.
func TestLatest(t *testing.T) {
	copyTest(t, func(t *testing.T, r *copying) {
		const round = "21@10909 43@10911 45@10911 201@10911"
		r.requests()
		if err := r.c.Latest(t.Context()); err != nil {
			t.Errorf("Latest() = %v", err)
		}
		if got := r.requests(); got != round {
			t.Errorf("Latest asked %q, want a round", got)
		}
		r.answerBy(remoting.ReqGetAllConsumerOffset, func(req *remoting.Request) { req.ReplyError(remoting.RespSystemError, "no") })
		if err := r.c.Latest(t.Context()); err == nil || !strings.Contains(err.Error(), "consumer offsets") {
			t.Errorf("with offsets refused Latest() = %v", err)
		}
	})
	copyTest(t, func(t *testing.T, r *copying) {
		locked(&r.mu, func() int { r.master = ""; return 0 })
		if err := r.c.Latest(t.Context()); err == nil {
			t.Error("without a master Latest succeeds")
		}
	})
}
