package interop

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pairmq/tools/interop/wire"
)

// What clients call the answers to a send.
const (
	sendOK            = "SEND_OK"
	slaveNotAvailable = "SLAVE_NOT_AVAILABLE"
	flushSlaveTimeout = "FLUSH_SLAVE_TIMEOUT"
)

// What fill sends: more than a broker lets wait for its disk. A message takes as many bytes
// as may wait, so that behind one there is no room for the smallest.
const (
	fillSenders = 64
	fillBody    = 1 << 20
)

// sends is an account of what was sent to a topic, by the number that is each message's
// property n, while disks take nothing.
type sends struct {
	*world
	topic string
	next  int          // number
	told  map[int]bool // that it is stored for good, or not at all; of others nobody knows
}

const sendsQueues = 4

// newSends makes the topic.
func newSends(t *testing.T, w *world) *sends {
	t.Helper()
	s := &sends{world: w, topic: "Busy", told: map[int]bool{}}
	w.topic(t, s.topic, sendsQueues)
	return s
}

// each has each client send one message, which is answered so; all answers but busy are
// taken for a promise that it is there in the end.
func (s *sends) each(t *testing.T, answer string) {
	t.Helper()
	for _, client := range s.clients {
		n := s.next
		s.next++
		sent, err := client.Delay(within(t, time.Minute), "P_Busy", s.topic, n, n+1, 0)
		got := ""
		switch {
		case err == nil && len(sent) == 1:
			got = sent[0].Status
		case err != nil && strings.Contains(err.Error(), fmt.Sprintf("CODE: %d", busyCode)):
			got = busy
		}
		if got != answer {
			t.Errorf("%s: message %d was answered %q, want %s: %v", client.Name, n, got, answer, err)
		}
		if got != "" {
			s.told[n] = got != busy
		}
	}
}

// fill sends to a broker whose disk takes nothing until it answers SYSTEM_BUSY. Call filled
// when the disk takes more: it waits until each of these messages was answered, or
// its connection has ended, and returns of how many nobody knows what became of them.
func (s *sends) fill(t *testing.T, addr string) (filled func(*testing.T) int) {
	t.Helper()
	ctx := within(t, 2*time.Minute)
	var mu sync.Mutex
	var unknown []error
	isBusy := make(chan struct{})
	once := sync.OnceFunc(func() { close(isBusy) })
	var all sync.WaitGroup
	for range fillSenders {
		n := s.next
		s.next++
		c, err := wire.Dial(ctx, addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		all.Go(func() {
			stored, err := sendOnce(ctx, c, wire.Message{Topic: s.topic, QueueID: int32(n % sendsQueues), Body: make([]byte, fillBody),
				Properties: map[string]string{"n": strconv.Itoa(n)}})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				unknown = append(unknown, fmt.Errorf("message %d: %w", n, err))
				return
			}
			s.told[n] = stored
			if !stored {
				once()
			}
		})
	}
	select {
	case <-isBusy:
	case <-ctx.Done():
		t.Fatalf("%d bytes were taken by a disk that takes nothing", fillSenders*fillBody)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(unknown) != 0 {
		t.Fatal(unknown)
	}
	return func(t *testing.T) int {
		t.Helper()
		all.Wait()
		t.Logf("of %d messages %d were neither stored nor refused: %.300v", fillSenders, len(unknown), unknown)
		return len(unknown)
	}
}

// sendOnce says whether a message is stored, or not, as promised; else what was answered.
func sendOnce(ctx context.Context, c *wire.Conn, m wire.Message) (stored bool, err error) {
	r, err := c.Send(ctx, m)
	var refused *wire.CodeError
	switch {
	case errors.As(err, &refused) && refused.Code == busyCode:
		return false, nil
	case err != nil:
		return false, err
	case r.Code != wire.Success:
		return false, fmt.Errorf("answered %d", r.Code)
	}
	return true, nil
}

// check has a broker have each message that was promised once, none that was refused, and
// none twice.
func (s *sends) check(t *testing.T, addr string) {
	t.Helper()
	ctx := within(t, time.Minute)
	c, err := wire.Dial(ctx, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	came := map[int]int{}
	for q := range int32(sendsQueues) {
		records, err := c.PullAll(ctx, s.topic, q, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			n, err := strconv.Atoi(r.Property("n"))
			if err != nil || n >= s.next {
				t.Errorf("message %q is there, and was not sent", r.Property("n"))
			}
			came[n]++
		}
	}
	stored, refused, unknown := 0, 0, 0
	for n := range s.next {
		promised, known := s.told[n]
		want := 0
		if promised {
			want = 1
		}
		switch {
		case known && came[n] != want, came[n] > 1:
			t.Errorf("message %d is there %d times, want %d (promised %v, %v)", n, came[n], want, promised, known)
		case !known:
			unknown++
		case promised:
			stored++
		default:
			refused++
		}
	}
	t.Logf("%s has %d messages that were promised, none of %d that were refused, and some of %d of which nobody knows", addr, stored, refused, unknown)
}
