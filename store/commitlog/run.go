package commitlog

import (
	"context"
	"fmt"
	"sync"
)

// Run writes and syncs what is appended, and makes segments ahead, until ctx
// ends: then appends are refused, everything appended is durable and confirmed,
// and Run returns nil. It returns an error that wraps ErrFailed when a write or
// a sync failed. It is called once, after Recover. On a damaged log, which can
// only be read, it just waits.
func (l *Log) Run(ctx context.Context) error {
	if damaged, err := l.launch(); err != nil {
		return err
	} else if damaged {
		<-ctx.Done() // there is nothing to do, and reads go on
		return nil
	}
	stop := context.AfterFunc(ctx, l.shut)
	defer stop()
	return l.serve()
}

func (l *Log) launch() (damaged bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.phase {
	case readOnly:
		return true, nil
	case recovered:
		l.phase = running
		return false, nil
	case running:
		return false, fmt.Errorf("%w: Run was called before", ErrClosed)
	}
	return false, l.refusal()
}

// serve runs the writer and its companions; the companions end after it.
func (l *Log) serve() error {
	var syncing, others sync.WaitGroup
	written := make(chan struct{}) // the writer has ended
	synced := make(chan struct{})  // so has the syncer: no watermark moves any more
	if !l.opts.SyncFlush || l.opts.SyncApart || l.opts.Classes {
		syncing.Go(func() { l.syncInBackground(written) })
	}
	others.Go(func() { l.prepareAhead(written) })
	others.Go(func() { l.tell(synced) })
	l.write()
	l.refuseTask() // now: who makes a segment may wait for who waits for that
	close(written)
	syncing.Wait()
	close(synced)
	others.Wait()
	return l.Failed()
}

// shut refuses appends from now on and lets the writer finish.
func (l *Log) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phase = closed
	l.wake()
	poke(l.kicks)
}
