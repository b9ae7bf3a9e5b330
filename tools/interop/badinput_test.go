package interop

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// closed stands for a connection that the broker ends instead of answering.
const closed = -1

// A badRequest is one with the codes that are right for it.
type badRequest struct {
	name   string
	req    *wire.Command
	codes  []int
	apache []int // what Apache's answer besides, one version or both
}

// TestBadInput sends what no client sends. The broker answers with one of
// RocketMQ's codes or hangs up, and serves the next one as if nothing was (R13).
func TestBadInput(t *testing.T) {
	tg := startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"})
	ctx := within(t, 3*time.Minute)
	if err := dial(t, tg).CreateTopic(ctx, "Bad", 4); err != nil {
		t.Fatal(err)
	}
	for _, tc := range slices.Concat(badRequests(4<<20), badPops(), badTimers(badSend())) {
		t.Run(tc.name, func(t *testing.T) {
			if got := answer(ctx, t, tg, tc.req); !slices.Contains(tc.codes, got) && (tg.Kind == target.Pairmq || !slices.Contains(tc.apache, got)) {
				t.Errorf("answer %d, want one of %v", got, tc.codes)
			}
			stillServes(ctx, t, tg)
		})
	}
	badEnds(ctx, t, tg)
	badResets(ctx, t, tg)
	badGroups(ctx, t, tg)
	for name, raw := range badFrames() {
		t.Run(name, func(t *testing.T) {
			c := dial(t, tg)
			if err := c.Write(raw); err != nil {
				t.Logf("the broker hung up while it was written to: %v", err)
			}
			if name == "header of an unknown type" && tg.Kind == target.ApacheV5 {
				return // 5.x forgets about the frame
			}
			select {
			case <-c.Done():
			case <-time.After(10 * time.Second):
				t.Error("neither answered nor closed within 10 s")
			}
			stillServes(ctx, t, tg)
		})
	}
}

// badSend is a send that is good, to be made worse.
func badSend() *wire.Command {
	return wire.SendRequest(wire.Message{Topic: "Bad", Properties: map[string]string{"k": "v"}, Body: []byte("body")})
}

// badRequests are for a broker with the topic Bad of four queues, and bodies of so many
// bytes at most.
func badRequests(maxBody int) []badRequest {
	send := badSend()
	batch := func(body []byte) *wire.Command {
		req := send.With("m", true)
		req.Code, req.Body = wire.SendBatch, body
		return req
	}
	entry := wire.BatchEntry(0, []byte("inner"), "k\x01v\x02")
	longInner := slices.Clone(entry)
	binary.BigEndian.PutUint32(longInner[16:], 1<<30)
	large := send.With("b", "Bad")
	large.Body = make([]byte, maxBody+1)
	return slices.Concat([]badRequest{
		{"unknown code", wire.NewCommand(31999), []int{wire.NotSupported}, nil},
		{"topic with path", send.With("b", "../x"), []int{wire.SystemError, wire.InvalidParameter}, nil},
		{"topic empty", send.With("b", ""), []int{wire.SystemError, wire.InvalidParameter}, nil},
		{"topic of 300 bytes", send.With("b", strings.Repeat("T", 300)), []int{wire.SystemError, wire.MessageIllegal, wire.InvalidParameter}, nil},
		{"topic of the broker's own", send.With("b", "SCHEDULE_TOPIC_XXXX"), []int{wire.NoPermission}, nil},
		{"queue negative", send.With("e", -7), []int{wire.Success}, nil},
		{"queue beyond range", send.With("e", 99), []int{wire.SystemError, wire.InvalidParameter}, nil},
		{"queue no number", send.With("e", "one"), []int{wire.SystemError, closed}, nil},
		{"properties end in a pair", send.With("i", "k\x01v\x02half"), []int{wire.Success, wire.MessageIllegal}, nil},
		{"properties too long", send.With("i", "k\x01"+strings.Repeat("v", 40000)+"\x02"), []int{wire.MessageIllegal}, nil},
		{"body too large", large, []int{wire.MessageIllegal}, nil},
		{"batch with long inner body", batch(longInner), []int{wire.SystemError, wire.MessageIllegal}, nil},
		{"batch cut short", batch(append(slices.Clone(entry), entry[:len(entry)-1]...)), []int{wire.SystemError, wire.MessageIllegal}, nil},
		{"pull beyond range", wire.PullRequest("BadGroup", "Bad", 99, 0, 0), []int{wire.SystemError, wire.InvalidParameter}, nil},
		{"pull of a negative offset", wire.PullRequest("BadGroup", "Bad", 0, -5, 0), []int{wire.PullOffsetMoved, wire.PullNotFound}, nil},
		{"pull far behind the end", wire.PullRequest("BadGroup", "Bad", 0, 1<<60, 0), []int{wire.PullOffsetMoved}, nil},
		{"level of delay below 0", send.With("i", "DELAY\x01-1\x02"), []int{wire.Success}, nil},
		{"level of delay beyond all", send.With("i", "DELAY\x012147483647\x02"), []int{wire.Success}, nil},
		{"level of delay that is no number", send.With("i", "DELAY\x01soon\x02"), []int{wire.SystemError, wire.MessageIllegal}, nil},
		{"group with a path", goodGroup("../x"), []int{wire.SystemError, wire.InvalidParameter}, []int{wire.Success}},
		{"heartbeat without body", wire.NewCommand(wire.HeartBeat), []int{wire.SystemError, closed}, nil},
	}, badExpressions())
}

// goodGroup makes a group that is like others but for its name.
func goodGroup(name string) *wire.Command {
	req := wire.NewCommand(wire.UpdateGroup)
	req.Body = []byte(`{"groupName":"` + name + `","consumeEnable":true,"retryQueueNums":1,"retryMaxTimes":16}`)
	return req
}

// badEnds ends transactions that are none: each is refused, and nothing is stored.
func badEnds(ctx context.Context, t *testing.T, tg *target.Target) {
	c := dial(t, tg)
	defer c.Close()
	place := func(properties map[string]string) (phy, queue int64) {
		t.Helper()
		r, err := c.Send(ctx, wire.Message{Topic: "Bad", Properties: properties, Body: []byte("no half")})
		if err != nil || len(r.MsgID) != 32 {
			t.Fatalf("%+v, %v", r, err)
		}
		if phy, err = strconv.ParseInt(r.MsgID[16:], 16, 64); err != nil {
			t.Fatal(err)
		}
		return phy, r.QueueOffset
	}
	plain, plainQueue := place(nil)
	named, namedQueue := place(map[string]string{"PGROUP": "BadGroup", "UNIQ_KEY": "K"})
	waits, waitsQueue := place(map[string]string{"PGROUP": "BadGroup", "UNIQ_KEY": "L", "DELAY": "18"})
	count := func() (n int64) {
		t.Helper()
		for topic, queues := range map[string]int32{"Bad": 4, "RMQ_SYS_TRANS_HALF_TOPIC": 1, "RMQ_SYS_TRANS_OP_HALF_TOPIC": 1, "TRANS_CHECK_MAX_TIME_TOPIC": 1} {
			for q := range queues {
				end, err := c.MaxOffset(ctx, topic, q)
				if err != nil {
					t.Fatal(err)
				}
				n += end
			}
		}
		return n
	}
	// RocketMQ asks no more of a half than a group and its queue offset.
	lax := []int{wire.Success, wire.SystemError}
	for _, tc := range []struct {
		name       string
		phy, queue int64
		apache     []int
	}{
		{"of a message", plain, plainQueue, nil},
		{"of a message with a producer group", named, namedQueue, lax},
		{"of a delayed message", waits, waitsQueue, lax},
		{"in the middle of a record", plain + 8, plainQueue, nil},
		{"before the log", -1, 0, nil},
		{"behind the log", 1 << 60, 0, nil},
	} {
		for how, number := range map[string]int{"commit ": 8, "rollback ": 12} {
			t.Run(how+tc.name, func(t *testing.T) {
				before := count()
				got := answer(ctx, t, tg, wire.NewCommand(wire.EndTransaction, "producerGroup", "BadGroup", "tranStateTableOffset", tc.queue,
					"commitLogOffset", tc.phy, "commitOrRollback", number, "fromTransactionCheck", false, "msgId", "K", "transactionId", "K"))
				if got != wire.SystemError && (tg.Kind == target.Pairmq || !slices.Contains(tc.apache, got)) {
					t.Errorf("answer %d, want %d", got, wire.SystemError)
				}
				if after := count(); after != before && (tg.Kind == target.Pairmq || tc.apache == nil) {
					t.Errorf("%d messages are stored", after-before)
				}
				stillServes(ctx, t, tg)
			})
		}
	}
}

// badFrames are bytes after which a connection is of no use any more.
func badFrames() map[string][]byte {
	huge := binary.BigEndian.AppendUint32(nil, 1<<31)
	long := binary.BigEndian.AppendUint32(nil, 100)
	long = binary.BigEndian.AppendUint32(long, 1000) // header of 1000 bytes in 100
	return map[string][]byte{
		"frame of 2 GiB":               append(huge, make([]byte, 64)...),
		"frame of 100 MiB":             append(binary.BigEndian.AppendUint32(nil, 100<<20), make([]byte, 64)...),
		"header longer than its frame": append(long, make([]byte, 96)...),
		"header that is no JSON":       wire.RawFrame(0, []byte("this is not a header"), nil),
		"header of an unknown type":    wire.RawFrame(7, []byte("{}"), nil),
		"binary header cut short":      wire.RawFrame(1, []byte{1, 54, 0, 1}, nil),
	}
}

// answer sends a request on a connection of its own and returns the code.
func answer(ctx context.Context, t *testing.T, tg *target.Target, req *wire.Command) int {
	t.Helper()
	c := dial(t, tg)
	defer c.Close()
	resp, err := c.Call(ctx, req)
	if errors.Is(err, wire.ErrClosed) {
		return closed
	}
	if err != nil {
		t.Fatal(err)
	}
	return resp.Code
}

func stillServes(ctx context.Context, t *testing.T, tg *target.Target) {
	t.Helper()
	c := dial(t, tg)
	defer c.Close()
	r, err := c.Send(ctx, wire.Message{Topic: "Bad", QueueID: 1, Body: []byte("good")})
	if err != nil {
		t.Fatalf("a good message afterwards: %v", err)
	}
	p, err := c.Pull(ctx, "BadGroup", "Bad", r.QueueID, r.QueueOffset, 5*time.Second) // Apache's index lags behind its log
	if err != nil || len(p.Records) != 1 || string(p.Records[0].Body) != "good" {
		t.Fatalf("a pull of it: %+v, %v", p, err)
	}
}
