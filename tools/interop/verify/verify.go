// Package verify compares what producers sent with what consumers got.
package verify

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"

	"pairmq/tools/interop/corpus"
)

// NoOffset stands for a queue offset that nobody was told.
const NoOffset = -1

// A Sent is a producer's account of one message.
type Sent struct {
	Index       int
	Status      string // SEND_OK, ONEWAY, …
	QueueID     int32
	QueueOffset int64 // NoOffset after a one-way send
	MsgID       string
	OffsetMsgID string // names the broker and the place in its log; a client's agent alone reports it
}

// A Got is a consumer's account of one delivery.
type Got struct {
	Index       int // -1 where the message has none
	QueueID     int32
	QueueOffset int64
	Micros      int64 // wall clock when the listener began
	DoneMicros  int64 // and when it ended; 0 unless the consumer is ordered
	Length      int
	CRC         uint32
	Flag        int32
	Reconsumed  int32
	Topic       string // the one it was sent to first, if it comes from the group's retry topic
	Born        int64  // ms since 1970: when its producer sent it
	Stored      int64  // and when the broker stored the record that was delivered
	Properties  map[string]string
}

// A Want is what a message has to look like to its receiver.
type Want struct {
	Length int
	CRC    uint32
	Flag   int32
	Tag    string
	Keys   string
	User   map[string]string // user properties
}

// Corpus returns the Want of each of the first n messages of a corpus.
func Corpus(seed int64, n int) []Want {
	all := make([]Want, n)
	for i := range all {
		m := corpus.Make(seed, i)
		all[i] = Want{Length: len(m.Body), CRC: crc32.ChecksumIEEE(m.Body), Flag: m.Flag, Tag: m.Tag, Keys: m.Keys, User: m.Properties}
	}
	return all
}

// A Report lists every complaint, and counts what may be allowed.
type Report struct {
	Missing     []int    // sent, not delivered
	Foreign     []string // delivered, not sent
	Damaged     []string // delivered with other content than sent
	Misplaced   []string // delivered from elsewhere than the producer was told
	StoredTwice []string // delivered from two places
	Redelivered int      // deliveries of the same place beyond the first
}

// Deliveries checks deliveries to one group against what was sent; want is
// indexed by message.
func Deliveries(want []Want, sent []Sent, got []Got) Report {
	var r Report
	told := make(map[int]Sent, len(sent))
	for _, s := range sent {
		told[s.Index] = s
	}
	type place struct {
		queue  int32
		offset int64
	}
	first := make(map[int]place, len(sent))
	for _, g := range got {
		at := place{g.QueueID, g.QueueOffset}
		s, ok := told[g.Index]
		if !ok {
			r.Foreign = append(r.Foreign, fmt.Sprintf("message %d at %v: %v", g.Index, at, g.Properties))
			continue
		}
		if before, again := first[g.Index]; again && before == at {
			r.Redelivered++
			continue
		} else if again {
			r.StoredTwice = append(r.StoredTwice, fmt.Sprintf("message %d at %v and %v", g.Index, before, at))
			continue
		}
		first[g.Index] = at
		if s.QueueOffset != NoOffset && at != (place{s.QueueID, s.QueueOffset}) {
			r.Misplaced = append(r.Misplaced, fmt.Sprintf("message %d at %v, its producer was told %v", g.Index, at, place{s.QueueID, s.QueueOffset}))
		}
		if diff := want[g.Index].differs(g); diff != "" {
			r.Damaged = append(r.Damaged, fmt.Sprintf("message %d: %s", g.Index, diff))
		}
	}
	for _, s := range sent {
		if _, ok := first[s.Index]; !ok {
			r.Missing = append(r.Missing, s.Index)
		}
	}
	slices.Sort(r.Missing)
	return r
}

func (w Want) differs(g Got) string {
	var diff []string
	complain := func(what string, got, want any) {
		diff = append(diff, fmt.Sprintf("%s is %.60s, want %.60s", what, fmt.Sprint(got), fmt.Sprint(want)))
	}
	if g.Length != w.Length || g.CRC != w.CRC {
		complain("body", fmt.Sprintf("%d bytes, CRC %#x", g.Length, g.CRC), fmt.Sprintf("%d bytes, CRC %#x", w.Length, w.CRC))
	}
	if g.Flag != w.Flag {
		complain("flag", g.Flag, w.Flag)
	}
	if g.Properties["TAGS"] != w.Tag {
		complain("tag", g.Properties["TAGS"], w.Tag)
	}
	if g.Properties["KEYS"] != w.Keys {
		complain("keys", g.Properties["KEYS"], w.Keys)
	}
	for k, v := range w.User {
		if g.Properties[k] != v {
			complain("property "+k, strconv.Quote(g.Properties[k]), strconv.Quote(v))
		}
	}
	for k, v := range g.Properties {
		if _, ok := w.User[k]; !ok && !reserved(k) {
			diff = append(diff, fmt.Sprintf("property %s=%q was not sent", k, v))
		}
	}
	return strings.Join(diff, "; ")
}

// reserved says whether RocketMQ itself sets a property.
func reserved(name string) bool {
	switch name {
	case "TAGS", "KEYS", "WAIT", "UNIQ_KEY", "CLUSTER", "MSG_REGION", "TRACE_ON", "MIN_OFFSET", "MAX_OFFSET", "CONSUME_START_TIME",
		"TRAN_MSG", "PGROUP", "__transactionId__", "TRANSACTION_CHECK_TIMES", "CHECK_IMMUNITY_TIME_IN_SECONDS", "TRAN_PREPARED_QUEUE_OFFSET",
		"INSTANCE_ID", "__CRC32#", "SHARDING_KEY", "__SHARDINGKEY", "DELAY", "REAL_TOPIC", "REAL_QID",
		"RETRY_TOPIC", "ORIGIN_MESSAGE_ID", "RECONSUME_TIME", "MAX_RECONSUME_TIMES", "DLQ_ORIGIN_TOPIC", "DLQ_ORIGIN_MESSAGE_ID",
		"TIMER_DELAY_MS", "TIMER_DELAY_SEC", "TIMER_DELIVER_MS", "TIMER_OUT_MS", "TIMER_ENQUEUE_MS", "TIMER_DEQUEUE_MS", "TIMER_ROLL_TIMES":
		return true
	}
	return false
}

// Err returns nil if every message was delivered exactly as it was sent, and
// none was stored twice. Redeliveries are the caller's to judge.
func (r Report) Err() error {
	var lines []string
	list := func(what string, n int, some any) {
		if n > 0 {
			lines = append(lines, fmt.Sprintf("%d %s: %.600s", n, what, fmt.Sprint(some)))
		}
	}
	list("messages missing", len(r.Missing), r.Missing)
	list("not sent", len(r.Foreign), r.Foreign)
	list("damaged", len(r.Damaged), r.Damaged)
	list("not where the producer was told", len(r.Misplaced), r.Misplaced)
	list("stored twice", len(r.StoredTwice), r.StoredTwice)
	if lines == nil {
		return nil
	}
	return fmt.Errorf("verify: %s", strings.Join(lines, "\n\t"))
}
