package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/internal/remoting"
	"pairmq/tools/harness"
)

// Who does what. The first members consume, one queue each; the next only look on:
// they send heartbeats, and each must be answered, whatever the others do.
const (
	onlookers    = 8
	senders      = 64 // in the flow
	beatEvery    = 5 * time.Second
	onlookEvery  = time.Second
	fanOutTime   = 2 * time.Minute
	crowdShare   = 4           // the crowd has a quarter of the whole time
	drainTime    = time.Minute // without a message
	gatherTime   = 2 * time.Second
	mostUnpulled = 256 // messages, beyond which senders wait for consumers
)

// A run is one soak of one daemon.
type run struct {
	addr    string
	out     io.Writer
	members []*member
	ledger  *ledger
	counts  *counts
	own     func() int64 // bytes of memory that are the daemon's own now
	waitAt  atomic.Int64 // where in the queue all wait

	mu     sync.Mutex
	faults map[string]*fault // by what is wrong
}

// A fault is a promise that was broken, perhaps often.
type fault struct {
	times int
	first error
}

// broken notes a broken promise, and the first error of that kind.
func (r *run) broken(what string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.faults[what] == nil {
		r.faults[what] = &fault{first: err}
	}
	r.faults[what].times++
}

// soak does everything in turn; the flow takes what is left of the time. It ends early
// only when the daemon has.
func (r *run) soak(ctx context.Context, whole time.Duration, dead <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-dead:
			cancel()
		case <-ctx.Done():
		}
	}()
	begin := time.Now()
	r.phase("connect", func() { r.each(r.members, r.greet) })
	if ctx.Err() != nil {
		return
	}
	consuming, stop := context.WithCancel(ctx)
	defer stop()
	var always sync.WaitGroup
	for i, m := range r.members[queues : queues+onlookers] {
		always.Go(func() { r.onlook(consuming, m, time.Duration(i)*onlookEvery/onlookers) })
	}
	r.phase("fan out", func() { r.fanOut(ctx) })
	for q, m := range r.members[:queues] {
		always.Go(func() { r.consume(consuming, m, q) })
	}
	r.phase("crowd", func() { r.crowd(ctx, whole/crowdShare) })
	r.phase("flow", func() { r.flow(ctx, max(whole-time.Since(begin), whole/4)) })
	r.phase("drain", func() { r.drain(ctx) })
	stop()
	for _, m := range r.members {
		if m.conn != nil {
			m.conn.close()
		}
	}
	always.Wait()
}

func (r *run) phase(name string, do func()) {
	begin := time.Now()
	do()
	r.counts.print(r.out, name, time.Since(begin), r.own())
}

// each has all members do something at the same time.
func (r *run) each(members []*member, do func(*member)) {
	var wg sync.WaitGroup
	for _, m := range members {
		wg.Go(func() { do(m) })
	}
	wg.Wait()
}

// greet is the first heartbeat.
func (r *run) greet(m *member) {
	if err := m.beat(answerTime); err != nil {
		r.counts.beatLost()
		r.broken("a first heartbeat was not answered", fmt.Errorf("connection %d: %w", m.number, err))
	}
}

// onlook sends heartbeats that nothing is in the way of on their connection.
func (r *run) onlook(ctx context.Context, m *member, after time.Duration) {
	for pause(ctx, after); ctx.Err() == nil; pause(ctx, onlookEvery) {
		r.mustBeat(ctx, m)
	}
}

// mustBeat sends a heartbeat that has to be answered in the time that clients allow.
func (r *run) mustBeat(ctx context.Context, m *member) {
	if err := m.beat(beatTime); err != nil && ctx.Err() == nil {
		r.counts.beatLost()
		r.broken("a heartbeat that nothing was in the way of was not answered", fmt.Errorf("connection %d: %w", m.number, err))
	}
}

// fanOut has one message arrive where all but the onlookers wait.
func (r *run) fanOut(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, fanOutTime)
	defer cancel()
	at := r.waitAt.Load()
	var had atomic.Int64
	waiting := r.members[queues+onlookers+1:]
	var wg sync.WaitGroup
	wg.Go(func() {
		r.each(waiting, func(m *member) {
			for ctx.Err() == nil {
				next, err := m.pull(waitTopic, 0, at, holdTime)
				if next > at {
					had.Add(1)
					return
				}
				if err != nil {
					pause(ctx, 200*time.Millisecond)
				}
			}
		})
	})
	pause(ctx, gatherTime)
	if err := r.members[queues+onlookers].sendUntilTaken(ctx, waitTopic, 1, 0); err != nil {
		r.broken("the message that all wait for was not taken", err)
		cancel()
	}
	wg.Wait()
	if n := int(had.Load()); n < len(waiting) {
		r.broken("not all who waited had the message", fmt.Errorf("%d of %d in %v", n, len(waiting), fanOutTime))
	}
	r.waitAt.Add(1)
}

// crowd has all but consumers and onlookers send at the same moment, and again until
// their message is taken, or for so long: a machine may be too slow for all of them.
func (r *run) crowd(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var taken atomic.Int64
	all := r.members[queues+onlookers:]
	r.each(all, func(m *member) {
		m.until = ctx // who still sends then hangs up in the middle of his message
		if m.sendUntilTaken(ctx, topic, queues, m.number%queues) == nil {
			taken.Add(1)
		}
		m.until = nil
	})
	if n := int(taken.Load()); n < senders {
		r.broken("next to nothing of the crowd was taken", fmt.Errorf("%d messages of %d in %v", n, len(all), d))
	}
}

// flow has some send as fast as they may. The others wait for messages that do not come,
// and say every few seconds that they live.
func (r *run) flow(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	rest := r.members[queues+onlookers:]
	var wg sync.WaitGroup
	for i, m := range rest[:senders] {
		wg.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				if r.ledger.outstanding() > mostUnpulled || m.send(topic, queues, n%queues) != nil {
					pause(ctx, 50*time.Millisecond)
				}
			}
		})
	}
	for i, m := range rest[senders:] {
		wg.Go(func() { r.wait(ctx, m, time.Duration(i)*beatEvery/time.Duration(len(rest))) })
	}
	wg.Wait()
}

// wait holds pulls, and sends heartbeats on the same connection meanwhile.
func (r *run) wait(ctx context.Context, m *member, after time.Duration) {
	r.greet(m) // dials again what was lost, with hundreds of others
	var wg sync.WaitGroup
	defer wg.Wait()
	if m.conn == nil {
		return // said above
	}
	held := &member{run: r, number: m.number, conn: m.conn}
	wg.Go(func() {
		for ctx.Err() == nil {
			left := holdTime
			if by, ok := ctx.Deadline(); ok {
				left = min(left, time.Until(by))
			}
			if left <= 0 {
				return
			}
			if _, err := held.pull(waitTopic, 0, r.waitAt.Load(), left); err != nil {
				pause(ctx, time.Second)
			}
		}
	})
	for pause(ctx, after); ctx.Err() == nil; pause(ctx, beatEvery) {
		r.mustBeat(ctx, m)
	}
}

// consume takes all there is in one queue.
func (r *run) consume(ctx context.Context, m *member, queue int) {
	var next int64
	for ctx.Err() == nil {
		n, err := m.pull(topic, queue, next, time.Second)
		next = n
		if err != nil {
			pause(ctx, 100*time.Millisecond)
		}
	}
}

// drain waits until everything that was acknowledged has been consumed, or nothing has for
// a while.
func (r *run) drain(ctx context.Context) {
	left, since := r.ledger.outstanding(), time.Now()
	for left > 0 && time.Since(since) < drainTime && ctx.Err() == nil {
		pause(ctx, 20*time.Millisecond)
		if now := r.ledger.outstanding(); now < left {
			left, since = now, time.Now()
		}
	}
}

// makeTopics makes the topics as a person would.
func (r *run) makeTopics() error {
	m := &member{run: r}
	for name, n := range map[string]int{topic: queues, waitTopic: 1} {
		resp, err := m.call(request{code: remoting.ReqUpdateAndCreateTopic, fields: remoting.Fields{
			{Key: "topic", Value: name}, {Key: "defaultTopic", Value: "TBW102"}, {Key: "readQueueNums", Value: strconv.Itoa(n)}, {Key: "writeQueueNums", Value: strconv.Itoa(n)},
			{Key: "perm", Value: "6"}, {Key: "topicFilterType", Value: "SINGLE_TAG"}, {Key: "topicSysFlag", Value: "0"}, {Key: "order", Value: "false"},
		}}, answerTime)
		if err == nil {
			err = harness.Refused(resp)
		}
		if err != nil {
			return fmt.Errorf("topic %s: %w", name, err)
		}
	}
	m.conn.close()
	return nil
}

// verdict is what is wrong, empty if nothing is.
func (r *run) verdict() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for what, f := range r.faults {
		all = append(all, fmt.Sprintf("%d times: %s; the first time: %v", f.times, what, f.first))
	}
	slices.Sort(all)
	if lost := r.ledger.sum().lost; len(lost) > 0 {
		all = append(all, fmt.Sprintf("%d messages were acknowledged and cannot be consumed: %v", len(lost), lost[:min(len(lost), 10)]))
	}
	return all
}

var errBroken = errors.New("the daemon did not hold out")
