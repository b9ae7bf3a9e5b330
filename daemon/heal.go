package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"pairmq/store"
)

// healTime is how long the other half may be away, or unable to give what it has,
// before that is given up and consumers are led around.
const healTime = 10 * time.Minute

// A healer has back from the other half of a pair what the medium has lost of the log.
type healer struct {
	peers   func(context.Context) []string // the addresses of the other halves, as far as they are known
	paired  func() bool                    // there must be one, also where none is known
	compare func(ctx context.Context, peer string, start, end int64, repair bool) (store.Comparison, error)
	log     *slog.Logger
}

// heal is what store.Options wants.
func (t *tenure) heal(ctx context.Context, flaws []store.Flaw) (gone []store.Flaw) {
	h := healer{peers: t.peers, paired: t.paired, compare: t.verifier.compare, log: t.log}
	return h.heal(ctx, flaws)
}

// peers are the addresses of other halves, of all who may know one.
func (t *tenure) peers(ctx context.Context) (all []string) {
	for _, addr := range slices.Concat(t.others(ctx), t.memory.Peers(), []string{t.pair.main.get()}) {
		if addr != "" && addr != t.host.String() && addr != t.was && !slices.Contains(all, addr) {
			all = append(all, addr)
		}
	}
	return all
}

// paired says whether the broker is one half of a pair, though it may not know where
// the other one is.
func (t *tenure) paired() bool {
	return t.cfg.Slave() || t.cfg.WaitsForSlaves() || t.cfg.HASlaveAddress != "" || len(t.pair.master.Slaves()) > 0
}

// A chance is what is known of having a flaw repaired.
type chance uint8

const (
	none  chance = iota // whoever was asked does not have it either
	later               // somebody may have it who was not to be reached, or it cannot be written here
	healed
)

// heal repairs what it can of flaws, from the first of the other halves that has it,
// and returns those of which nobody has anything, or nobody could be asked for
// healTime. Whoever has another log says so and is not believed: see store.Compare.
func (h *healer) heal(ctx context.Context, flaws []store.Flaw) (gone []store.Flaw) {
	peers := h.peers(ctx)
	chances := make([]chance, len(flaws))
	if len(peers) == 0 && h.paired() {
		h.log.Warn("the damage cannot be repaired: it is not known where the other half is", "phyOffset", flaws[0].From, "parts", len(flaws))
		for i := range chances {
			chances[i] = later
		}
	}
	for _, addr := range peers {
		h.healFrom(ctx, addr, flaws, chances)
	}
	if ctx.Err() != nil {
		return nil
	}
	for i, f := range flaws {
		if c := chances[i]; c == none || c == later && time.Since(f.Found) >= healTime {
			gone = append(gone, f)
		}
	}
	return gone
}

// healFrom asks the half at addr for what is not healed yet.
func (h *healer) healFrom(ctx context.Context, addr string, flaws []store.Flaw, chances []chance) {
	for i, f := range flaws {
		if chances[i] == healed {
			continue
		}
		found, err := h.compare(ctx, addr, f.From, f.To, true)
		switch {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, errNoLog):
			h.log.Warn("the damage is not repaired", "phyOffset", f.From, "peer", addr, "err", err)
		case err != nil: // the next one would say the same
			h.log.Warn("the damage cannot be repaired from there", "phyOffset", f.From, "peer", addr, "err", err)
			for k := i; k < len(chances); k++ {
				chances[k] = max(chances[k], later)
			}
			return
		default:
			chances[i] = max(chances[i], h.chance(addr, found.Findings))
		}
	}
}

// chance says what came of one comparison, and logs it.
func (h *healer) chance(addr string, findings []store.Finding) (c chance) {
	for _, g := range findings {
		switch g.Kind {
		case store.Repaired:
			h.log.Warn("damage of the log is repaired", "phyOffset", g.From, "bytes", g.To-g.From, "records", g.Records, "peer", addr, "copy", g.Copy)
			continue
		case store.BadHere: // the peer has it
			c = later
		}
		h.log.Warn("the damage is not repaired", "phyOffset", g.From, "peer", addr, "finding", g.Kind, "here", g.Here, "there", g.There, "note", g.Note)
	}
	if len(findings) > 0 && !slices.ContainsFunc(findings, func(g store.Finding) bool { return g.Kind != store.Repaired }) {
		return healed
	}
	return c
}
