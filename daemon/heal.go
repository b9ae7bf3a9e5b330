package main

import (
	"context"

	"pairmq/store"
)

// heal repairs what the medium has lost of the log, from the first of the other
// brokers of the name that has it. Whoever has another log says so and is not
// believed: see store.Compare.
func (t *tenure) heal(ctx context.Context, flaws []store.Flaw) {
	for _, addr := range t.others(ctx) {
		if addr == t.host.String() {
			continue
		}
		if flaws = t.healFrom(ctx, addr, flaws); len(flaws) == 0 {
			return
		}
	}
}

// healFrom returns what is left.
func (t *tenure) healFrom(ctx context.Context, addr string, flaws []store.Flaw) (left []store.Flaw) {
	for i, f := range flaws {
		found, err := t.verifier.compare(ctx, addr, f.From, f.To, true)
		if err != nil {
			t.log.Warn("the damage cannot be repaired from there", "phyOffset", f.From, "peer", addr, "err", err)
			return append(left, flaws[i:]...)
		}
		for _, g := range found.Findings {
			if g.Kind != store.Repaired {
				t.log.Warn("the damage is not repaired", "phyOffset", g.From, "peer", addr, "finding", g.Kind, "here", g.Here, "there", g.There, "note", g.Note)
				left = append(left, f)
				continue
			}
			t.log.Warn("damage of the log is repaired", "phyOffset", g.From, "bytes", g.To-g.From, "records", g.Records, "peer", addr, "copy", g.Copy)
		}
	}
	return left
}
