package main

import (
	"math/rand/v2"
	"time"
)

// A moment is when power goes.
type moment string

const (
	underLoad moment = "load" // while clients send and consume
	booting   moment = "boot" // while the machine mounts, or the daemon recovers, after another cut
)

// A cut is one power cut of a plan.
type cut struct {
	when  moment
	after time.Duration // since the load began, or since the file system was to be mounted
}

// planCuts returns the cuts of one life, which follow from the seed alone. The
// first one is under load, so that there is something to lose later.
func planCuts(seed uint64, n int) []cut {
	rng := rand.New(rand.NewPCG(seed, 1))
	cuts := make([]cut, 0, n)
	for i := range n {
		c := cut{underLoad, 300*time.Millisecond + time.Duration(rng.Int64N(int64(2700*time.Millisecond)))}
		if rng.IntN(4) == 0 && i > 0 {
			c = cut{booting, time.Duration(rng.Int64N(int64(800 * time.Millisecond)))}
		}
		cuts = append(cuts, c)
	}
	return cuts
}

// shares divides the cuts between lives of at most most cuts each: the disk
// of a life must hold all that it stores.
func shares(cuts, most int) (lives []int) {
	for cuts > 0 {
		n := min(cuts, most)
		lives = append(lives, n)
		cuts -= n
	}
	return lives
}
