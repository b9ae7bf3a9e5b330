package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/internal/remoting"
	"pairmq/tools/lab/promise"
)

// A load is all clients of one store, over all of its life: what they were told
// is in one ledger.
type load struct {
	ledger *promise.Ledger
	file   *os.File
	began  time.Time
	ids    atomic.Int64

	mu       sync.Mutex
	troubles []error
}

// newLoad returns a load whose history is kept in dir.
func newLoad(dir string) (*load, error) {
	f, err := os.Create(filepath.Join(dir, "history.jsonl"))
	if err != nil {
		return nil, err
	}
	return &load{ledger: promise.NewLedger(f), file: f, began: time.Now()}, nil
}

func (l *load) now() time.Duration { return time.Since(l.began) }

// trouble notes what must not be, and is no matter of promises.
func (l *load) trouble(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.troubles = append(l.troubles, err)
}

// err is all that went wrong with the load itself.
func (l *load) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(append(l.troubles, l.ledger.Err())...)
}

// close ends the history.
func (l *load) close() error { return l.file.Close() }

// start has clients of the broker at addr work until ctx ends or the broker
// does. What it returns waits for them.
func (l *load) start(ctx context.Context, addr string, rng *rand.Rand) (wait func()) {
	var work sync.WaitGroup
	for i := range producers {
		p := &producer{load: l, number: i, client: newClient(addr), rng: rand.New(rand.NewPCG(rng.Uint64(), 3))}
		work.Go(func() { p.work(ctx) })
	}
	for i := range groups {
		c := &consumer{load: l, group: groupName(i), client: newClient(addr)}
		work.Go(func() { c.work(ctx) })
	}
	return work.Wait
}

// read reads all that the broker at addr has.
func (l *load) read(ctx context.Context, addr string) (r promise.Reading, err error) {
	c := newClient(addr)
	defer c.Close()
	r.Topics, err = c.topics(ctx)
	if err != nil || !slices.Contains(r.Topics, topic) { // a disk that has lost the topic has lost all of it
		return r, err
	}
	for q := range int32(queues) {
		for next := int64(0); ; {
			got, to, err := c.pull(ctx, "LabChecker", q, next, 0)
			if err != nil {
				return r, err
			}
			r.Records = append(r.Records, got...)
			if len(got) == 0 {
				break
			}
			next = to
		}
		for i := range groups {
			at, err := c.offset(ctx, groupName(i), q)
			if err != nil {
				return r, err
			}
			r.Offsets = append(r.Offsets, promise.Offset{Group: groupName(i), Queue: q, Offset: at})
		}
	}
	return r, nil
}

// makeTopics makes the topic of all messages in the beginning, and one more,
// for which the broker promises as much.
func (l *load) makeTopics(ctx context.Context, addr string, round int) error {
	c := newPatientClient(addr)
	defer c.Close()
	names := []string{fmt.Sprintf("LabRound%d", round)}
	if round == 0 {
		names = append(names, topic)
	}
	for _, name := range names {
		if err := c.makeTopic(ctx, name); err != nil {
			return fmt.Errorf("make topic %s: %w", name, err)
		}
		l.ledger.Topic(name)
	}
	return nil
}

// awaitBroker waits until the broker at addr answers.
func awaitBroker(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	c := newClient(addr)
	defer c.Close()
	for {
		_, err := c.ask(ctx, remoting.ReqGetMaxOffset, remoting.Fields{{Key: "topic", Value: "TBW102"}, {Key: "queueId", Value: "0"}}) // any client may
		if err == nil {
			return nil
		}
		if pause(ctx, 20*time.Millisecond); ctx.Err() != nil {
			return err
		}
	}
}
