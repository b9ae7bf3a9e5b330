package timer

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store"
	"pairmq/store/record"
)

// TestHandle: the first text is what RocketMQ 5.4.0's RecallMessageHandle makes of its parts.
func TestHandle(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       Handle
		err        error
	}{
		{"a handle", "djEgb3JkZXJzIGJyb2tlci1hIDE4ODg4MjU2MDAwMDEgQUMxMTAwMDEwMDAx", Handle{"orders", "broker-a", 1888825600001, "AC1100010001"}, nil},
		{"padded", "djEgVCBiIDEga2U=", Handle{"T", "b", 1, "ke"}, nil},
		{"not padded", "djEgVCBiIDEga2U", Handle{"T", "b", 1, "ke"}, nil},
		{"more than five", "djEgVCBiIDEgayBt", Handle{"T", "b", 1, "k"}, nil},
		{"no time", "djEgVCBiIHggaw==", Handle{"T", "b", -1, "k"}, nil},
		{"nothing", "", Handle{}, ErrHandle},
		{"four", "djEgYSBiIGM=", Handle{}, ErrHandle},
		{"an empty fifth", "djEgYSBiIGMg", Handle{}, ErrHandle},
		{"an empty fifth before a sixth", "djEgYSBiIDEgIHg=", Handle{}, ErrHandle},
		{"another version", "djIgYSBiIGMgZA==", Handle{}, ErrHandle},
		{"plain text", "v1 a b c d", Handle{}, ErrHandle},
		{"wrong padding", "djEgVCBiIDEga2U==", Handle{}, ErrHandle},
		{"two lines", "djEgVCBi\nIDEgayBt", Handle{}, ErrHandle},
		{"too long", strings.Repeat("djEg", 1<<20), Handle{}, ErrHandle},
	} {
		got, err := DecodeHandle(test.text)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: %+v, %v, want %+v, %v", test.name, got, err, test.want, test.err)
		}
	}
	if got := (Handle{"orders", "broker-a", 1888825600001, "AC1100010001"}).String(); got != "djEgb3JkZXJzIGJyb2tlci1hIDE4ODg4MjU2MDAwMDEgQUMxMTAwMDEwMDAx" {
		t.Errorf("the handle is %s", got)
	}
}

func FuzzDecodeHandle(f *testing.F) {
	f.Add("djEgb3JkZXJzIGJyb2tlci1hIDE4ODg4MjU2MDAwMDEgQUMxMTAwMDEwMDAx")
	f.Add("djEgVCBiIHggaw==")
	f.Fuzz(func(t *testing.T, in string) {
		h, err := DecodeHandle(in)
		if err != nil {
			return
		}
		if again, err := DecodeHandle(h.String()); err != nil || again != h {
			t.Errorf("%q decodes to %+v, which comes back as %+v, %v", in, h, again, err)
		}
	})
}

// recall stores what takes back the message n, which is due at a time.
func (r *rig) recall(n int, topic string, due int64) {
	r.t.Helper()
	m := record.Message{BornTimestamp: r.wall(), BornHost: netip.MustParseAddrPort("10.0.0.1:4711")}
	Recall(&m, Handle{topic, "b", due, fmt.Sprintf("K%d", n)}, "PG")
	r.must(r.put(&m))
}

// TestRecall: what was recalled does not come, over restarts, with an index that is lost
// or not, and where the log went round; what has the same key in another topic, what
// came already, does.
func TestRecall(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for _, small := range []bool{false, true} {
			bubble(t, func(r *rig) {
				if small {
					r.change = func(o *store.Options) { o.SegmentSize, o.MaxBytes = 256<<10, 8<<20 }
				}
				r.must(r.start())
				hour := r.wall() + 3600_000
				for n := range 8 {
					r.must(r.send(n, PropertyDelayMs, 3600_000))
				}
				r.must(r.send(8, PropertyDelayMs, 1000))
				time.Sleep(2 * time.Second)
				if small {
					r.traffic(9 << 20)
				}
				r.recall(1, "T", hour)
				r.recall(2, "T", hour)
				r.recall(3, "Another", hour)
				r.recall(8, "T", hour)
				r.must(r.send(1000, PropertyDelayMs, 1000)) // Run reads what comes before
				time.Sleep(2 * time.Second)
				if small {
					r.traffic(9 << 20)
				}
				for range 2 {
					r.must(r.stop())
					if lost {
						r.must(r.fs.Remove("meta.db"))
					}
					r.must(r.start())
					time.Sleep(time.Minute)
				}
				r.recall(4, "T", hour)
				r.must(r.send(4+2000, PropertyDeliverMs, hour))
				time.Sleep(time.Hour)
				came := r.came()
				for n, want := range map[int]bool{0: true, 1: false, 2: false, 3: true, 4: false, 5: true, 6: true, 7: true, 2004: true} {
					if _, ok := came[n]; ok != want {
						t.Errorf("index lost %v, log goes round %v: message %d came: %v, want %v", lost, small, n, ok, want)
					}
				}
				if messages, _ := r.service.Pending(); messages != 0 {
					t.Errorf("%d messages are said to wait", messages)
				}
				r.must(r.stop())
			})
		}
	}
}

// TestSentAgain: a client that sends a message again which it took back sends it with the
// same UNIQ_KEY. That one comes, also when all is read from the log anew, and when the
// first is taken back once more.
func TestSentAgain(t *testing.T) {
	for _, lost := range []bool{false, true} {
		bubble(t, func(r *rig) {
			r.must(r.start())
			first := r.wall() + 1800_000
			r.must(r.send(1, PropertyDelayMs, 1800_000))
			r.recall(1, "T", first)
			synctest.Wait()
			for n, in := range map[int]int64{2: 1800_000, 3: 3000_000} { // one in the place of the first
				m := record.Message{
					Topic: "T", BornTimestamp: r.wall(), BornHost: netip.MustParseAddrPort("10.0.0.1:4711"),
					Body: []byte(strconv.Itoa(n)), Properties: fmt.Sprintf("UNIQ_KEY\x01K1\x02%s\x01%d", PropertyDelayMs, in),
				}
				r.must(r.put(&m))
			}
			if r.must(r.stop()); lost {
				r.must(r.fs.Remove("meta.db"))
			}
			r.must(r.start())
			time.Sleep(time.Hour)
			if came := r.came(); came[1] != 0 || came[2] == 0 || came[3] == 0 {
				t.Errorf("index lost %v: %v came, want 2 and 3", lost, came)
			}
			r.must(r.stop())
		})
	}
	bubble(t, func(r *rig) {
		r.must(r.start())
		first := r.wall() + 1800_000
		r.must(r.send(1, PropertyDelayMs, 1800_000))
		r.recall(1, "T", first)
		m := record.Message{
			Topic: "T", BornTimestamp: r.wall(), BornHost: netip.MustParseAddrPort("10.0.0.1:4711"),
			Body: []byte("2"), Properties: fmt.Sprintf("UNIQ_KEY\x01K1\x02%s\x013000000", PropertyDelayMs),
		}
		r.must(r.put(&m))
		r.recall(1, "T", first)
		time.Sleep(time.Hour)
		if came := r.came(); came[1] != 0 || came[2] == 0 {
			t.Errorf("%v came, want 2", came)
		}
		r.must(r.stop())
	})
}
