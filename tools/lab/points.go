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

// choosePoints picks as many places of a log as asked for, spread over all of
// it, each behind a write that the file system waited for. At every second one,
// some of what was written next is there as well. It returns how many there were
// to choose from, too.
func choosePoints(entries []order.Entry, n int, rng *rand.Rand) (points []point, barriers int) {
	var all []point
	learned := 0
	for i, e := range entries {
		if rest, ours := strings.CutPrefix(e.Mark, markPrefix); ours {
			if v, err := strconv.Atoi(rest); err == nil {
				learned = v
			}
		}
		if e.Barrier() {
			all = append(all, point{upto: i + 1, learned: learned})
		}
	}
	for i := range min(n, len(all)) {
		// one of each n-th part
		from, to := i*len(all)/min(n, len(all)), (i+1)*len(all)/min(n, len(all))
		p := all[from+rng.IntN(to-from)]
		p.end, p.seed = p.upto, rng.Uint64()
		if i%2 == 1 {
			if next := slices.IndexFunc(entries[p.upto:], order.Entry.Barrier); next >= 0 {
				p.end += next
			}
		}
		points = append(points, p)
	}
	return points, len(all)
}
