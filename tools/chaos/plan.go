package main

import (
	"math/rand/v2"
	"time"
)

// A step is one thing that is done to the pair.
type step struct {
	kind   string
	broker int // the one it is done to, where the kind does not say which
	span   time.Duration
	rest   time.Duration // after it
	seed   uint64        // of what else the kind decides
}

// kinds are all that can be done, each with what does it.
func kinds() map[string]func(*rig, step) error {
	return map[string]func(*rig, step) error{
		"partition":      (*rig).partition,     // the brokers do not reach each other
		"oneway":         (*rig).oneway,        // packets from one do not reach the other
		"flap":           (*rig).flap,          // their link goes up and down
		"isolate":        (*rig).isolate,       // nobody reaches one of them
		"deaf":           (*rig).deaf,          // clients and name server do not reach one of them
		"delay":          (*rig).delay,         // replication is late
		"throttle":       (*rig).throttle,      // replication is slow
		"break":          (*rig).breakOff,      // replication breaks off, in the middle of frames
		"lose":           (*rig).lose,          // bytes of the log are missing in the middle
		"half-open":      (*rig).halfOpen,      // replication hangs, and nobody is told
		"double":         (*rig).double,        // a slave has two connections
		"kill-master":    (*rig).killMaster,    // -9
		"kill-slave":     (*rig).killSlave,     // -9
		"kill-both":      (*rig).killBoth,      // -9
		"pause-master":   (*rig).pauseMaster,   // SIGSTOP
		"pause-slave":    (*rig).pauseSlave,    // SIGSTOP
		"restart-master": (*rig).restartMaster, // cleanly
		"restart-slave":  (*rig).restartSlave,  // cleanly
		"hand-over":      (*rig).handOver,      // pairmq demote
		"fail-over":      (*rig).failOver,      // the master dies, its slave is promoted, it comes back
		"forced":         (*rig).forced,        // the slave is promoted although the master lives, apart from it
		"zombie":         (*rig).zombie,        // the slave is promoted while the master is stopped, which then wakes up
	}
}

// A planner deals the kinds like cards: each comes once before one comes again.
type planner struct {
	rng  *rand.Rand
	deck []string
}

func newPlanner(seed uint64) *planner { return &planner{rng: rand.New(rand.NewPCG(seed, 4))} }

// next returns the next step of the plan.
func (p *planner) next() step {
	if len(p.deck) == 0 {
		p.deck = sortedKinds()
		p.rng.Shuffle(len(p.deck), func(i, j int) { p.deck[i], p.deck[j] = p.deck[j], p.deck[i] })
	}
	s := step{kind: p.deck[0], broker: p.rng.IntN(2), seed: p.rng.Uint64()}
	p.deck = p.deck[1:]
	s.span = time.Duration(200+p.rng.IntN(1800)) * time.Millisecond
	if p.rng.IntN(6) == 0 { // longer than anybody waits
		s.span += 2500 * time.Millisecond
	}
	s.rest = time.Duration(p.rng.IntN(900)) * time.Millisecond
	return s
}
