package diskfault

import (
	"errors"
	"fmt"
	"io/fs"
)

// errKilled is what the files of a killed process fail with.
var errKilled = errors.New("diskfault: the process was killed")

// Restart cuts the power, if that has not happened, and returns the disk as it
// is found afterwards, without faults: Arm gives it new ones. Plan.Seed decides
// what is left of changes that were not synced.
func (f *FS) Restart() *FS {
	f.mu.Lock()
	seed := f.plan.Seed
	f.mu.Unlock()
	return f.RestartWith(seed)
}

// RestartWith is Restart with another seed. It may be called several times, to
// see several ways in which the same power cut can end; the files in the real
// folder are the same in all.
func (f *FS) RestartWith(seed uint64) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = ErrPowerCut
	fresh := f.successor(f.tree.survive(newOdds(seed)))
	fresh.plan.Seed = seed
	return fresh
}

// Kill ends the process that uses the disk, but not the power: every file of f
// fails from now on, locks are free, and the returned FS shows everything that
// was written, synced or not.
func (f *FS) Kill() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		panic("diskfault: Kill after " + f.down.Error())
	}
	f.down = errKilled
	return f.successor(f.tree)
}

// successor is an FS without faults on t.
func (f *FS) successor(t tree) *FS {
	fresh := New(Plan{Seed: f.plan.Seed, Quota: f.plan.Quota, Real: f.plan.Real})
	fresh.tree = t
	fresh.used = t.bytes()
	return fresh
}

// Poke overwrites bytes of a file where it lies: in what reads show and on the
// medium. It is no operation: nobody wrote that, the medium decayed.
func (f *FS) Poke(name string, off int64, b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.tree.seen[clean(name)]
	if !ok {
		return fmt.Errorf("diskfault: poke %s: %w", name, fs.ErrNotExist)
	}
	if end := off + int64(len(b)); off < 0 || end > int64(len(c.seen)) || end > int64(len(c.medium)) {
		return fmt.Errorf("diskfault: poke %s at %d: %d bytes are beyond its end", name, off, len(b))
	}
	copy(c.seen[off:], b)
	copy(c.medium[off:], b)
	return nil
}
