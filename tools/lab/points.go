package main

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"pairmq/tools/lab/order"
)

// markPrefix begins the marks of the lab in a log of writes; the device mapper adds one of its own.
const markPrefix = "learned-"

// markText is the message for a mark that says how much of the ledger was learned before it.
func markText(learned int) string { return "mark " + markPrefix + strconv.Itoa(learned) }

// A point is a moment of a recorded load at which power might have gone.
type point struct {
	upto    int    // entries of the log that are on the medium
	end     int    // of the entries up to here, some are; upto: none
	learned int    // how much of the ledger clients knew for certain by then
	seed    uint64 // of which are
}

// choosePoints picks as many places of a log as asked for, each behind a write
// that the file system waited for: a quarter of them from before the load, while
// the store was made, the others from the load, spread over all of it. At every second
// one some of what was written next is there as well. It returns how many there
// were to choose from, too.
func choosePoints(entries []order.Entry, n int, rng *rand.Rand) (points []point, barriers int) {
	var before, during []point
	learned, loaded := 0, false
	for i, e := range entries {
		if rest, ours := strings.CutPrefix(e.Mark, markPrefix); ours {
			if v, err := strconv.Atoi(rest); err == nil {
				learned, loaded = v, true
			}
		}
		if !e.Barrier() {
			continue
		}
		p := point{upto: i + 1, end: i + 1, learned: learned}
		if next := slices.IndexFunc(entries[p.upto:], order.Entry.Barrier); next > 0 {
			p.end += next
		}
		if loaded {
			during = append(during, p)
		} else {
			before = append(before, p)
		}
	}
	few := min(n/4, len(before))
	return append(spread(before, few, rng), spread(during, n-few, rng)...), len(before) + len(during)
}

// spread picks one of each n-th part, alternately one with writes behind it that may be
// there, if there is one, and one that is taken as it is.
func spread(all []point, n int, rng *rand.Rand) (chosen []point) {
	n = min(n, len(all))
	for i := range n {
		part := all[i*len(all)/n : (i+1)*len(all)/n]
		p := part[rng.IntN(len(part))]
		if i%2 == 1 {
			if with := slices.DeleteFunc(slices.Clone(part), func(p point) bool { return p.end == p.upto }); len(with) > 0 {
				p = with[rng.IntN(len(with))]
			}
		} else {
			p.end = p.upto
		}
		p.seed = rng.Uint64()
		chosen = append(chosen, p)
	}
	return chosen
}
