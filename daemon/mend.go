package main

import (
	"context"
	"time"
)

// How a broker whose log is damaged has it back.
const (
	mendBytes = 4 << 20          // of the log that are compared before it is opened again
	mendLook  = 30 * time.Second // between two looks whether somebody has mended it
	mendAsk   = 10 * time.Minute // at most between two times that the others are asked
)

// mend has back what recovery found damaged in the middle of the log, from the first
// of the other brokers of the name that has it, and then ends the tenure, as it does
// when a person has mended it: the next one opens a log that is whole, or whose damage
// lies further on. Whoever has another log is not believed: see store.Compare.
func (t *tenure) mend(ctx context.Context) error {
	from, to := t.store.Unreadable()
	if from == to {
		return nil
	}
	tick := time.NewTicker(mendLook)
	defer tick.Stop()
	for asked, next := time.Now(), time.Duration(0); ; {
		if time.Since(asked) >= next {
			for _, addr := range t.peers(ctx) {
				if !t.store.Mended() {
					t.mendFrom(ctx, addr, from, min(to, from+mendBytes))
				}
			}
			asked, next = time.Now(), min(max(2*next, mendLook), mendAsk)
		}
		if t.store.Mended() {
			t.log.Warn("the damaged log is mended: it is opened again", "phyOffset", from)
			t.over()
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (t *tenure) mendFrom(ctx context.Context, addr string, from, to int64) {
	found, err := t.verifier.compare(ctx, addr, from, to, true)
	if err != nil {
		t.log.Warn("the damaged log cannot be mended from there", "phyOffset", from, "peer", addr, "err", err)
	}
	for _, f := range found.Findings {
		t.log.Warn("the log is damaged in its middle", "phyOffset", f.From, "peer", addr, "finding", f.Kind, "here", f.Here, "there", f.There, "note", f.Note, "copy", f.Copy)
	}
}
