// Package diskfault is a disk in memory that loses power, fails and fills up on
// demand. It is for tests of what must survive that.
//
// It keeps apart what programs see and what the medium has. A write changes
// what reads show; the medium has it after a sync of the file. A new, renamed or
// removed entry reaches the medium with a sync of its folder, one that moved
// between folders with a sync of both. When the power goes, the seed decides for
// each change that was not synced whether the medium has all of it, nothing, or
// some sectors of 512 bytes and garbage in others; changes do not keep their
// order. A real disk and its file system are kinder: what survives here
// survives there.
//
// A failed sync forgets what it should have written and calls it clean, as
// Linux does: reads go on showing the new bytes, the medium keeps the old ones,
// and the next sync succeeds.
//
// Every operation that changes something has a number, so that a test can try a
// fault at each of them:
//
//	for n := 1; ; n++ {
//		fs := diskfault.New(diskfault.Plan{CutAt: n, Seed: seed})
//		acked := work(fs)
//		check(fs.Restart(), acked) // a failure should print fs: seed and operation
//		if !fs.Struck() {
//			break
//		}
//	}
package diskfault

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"syscall"

	"pairmq/hal/disk"
)

// An FS is a disk in memory; it implements disk.FS. Use New.
type FS struct {
	mu    sync.Mutex
	plan  Plan
	rng   *rand.Rand
	down  error // why nothing works any more
	hit   *Op   // where the fault struck
	ops   int   // counted for the plan since New or Arm
	stats Stats
	used  int64 // bytes of all files
	locks map[string]bool
	tree  tree
	real  disk.FS // below plan.Real; nil without
}

// Stats counts what was done to an FS since New.
type Stats struct {
	Ops          int   // operations that change something
	Writes       int   // WriteAt
	BytesWritten int64 // by WriteAt
	Syncs        int   // Datasync and Sync
	DirSyncs     int
	Reads        int // ReadAt
	BytesRead    int64
}

// New returns an empty disk that goes wrong as planned. It panics if p.Real
// cannot be used.
func New(p Plan) *FS {
	f := &FS{tree: newTree(), locks: make(map[string]bool)}
	f.arm(p)
	return f
}

// Arm replaces the plan and counts operations from one again. An empty
// p.Real and a zero p.Quota leave those as they are.
func (f *FS) Arm(p Plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.Real = cmp.Or(p.Real, f.plan.Real)
	p.Quota = cmp.Or(p.Quota, f.plan.Quota)
	f.arm(p)
}

func (f *FS) arm(p Plan) {
	f.plan, f.ops, f.hit = p, 0, nil
	f.rng = rand.New(rand.NewPCG(p.Seed, uint64(p.CutAt+p.FailAt+p.ShortAt)))
	if p.Real == "" {
		return
	}
	var err error
	if f.real, err = disk.OS(p.Real); err != nil {
		panic(err)
	}
}

// SetQuota changes how many bytes all files together may have; 0: no limit.
func (f *FS) SetQuota(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan.Quota = n
}

// Stats returns the counts so far.
func (f *FS) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

// Ops returns how many operations the plan has counted since New or Arm: those
// of kind Only, if it is set.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// Struck says whether the planned cut or failure has happened. If not, the
// work ended before it, and larger numbers need not be tried.
func (f *FS) Struck() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit != nil
}

// String says what a failing test must print to be repeated: the seed, the
// plan, and the operation at which it struck.
func (f *FS) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &f.plan
	s := fmt.Sprintf("diskfault seed %d, only %v, cut at %d, fail at %d (sticky %t), short at %d", p.Seed, p.Only, p.CutAt, p.FailAt, p.Sticky, p.ShortAt)
	if f.hit == nil {
		return s + ", not struck"
	}
	return s + ", struck at " + f.hit.String()
}

// do runs one operation: apply makes its changes, all of them (pass), as far
// as chance will have it (cut), or what is left of a failure (fail, short).
func (f *FS) do(op Op, apply func(v verdict) error) error {
	f.hook(op)
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.begin(op)
	if err != nil {
		return err
	}
	return f.finish(op, v, apply(v))
}

func (f *FS) hook(op Op) {
	f.mu.Lock()
	hook := f.plan.Hook
	f.mu.Unlock()
	if hook != nil {
		hook(op)
	}
}

// begin numbers an operation and decides about it. f.mu is held.
func (f *FS) begin(op Op) (verdict, error) {
	if f.down != nil {
		return pass, fmt.Errorf("%v %s: %w", op.Kind, op.Name, f.down)
	}
	f.stats.Ops++
	if f.plan.Only == 0 || f.plan.Only == op.Kind {
		f.ops++
	}
	v := f.plan.judge(op.Kind, f.ops)
	if v != pass && f.hit == nil {
		op.N = f.ops
		f.hit = &op
	}
	return v, nil
}

// finish turns the verdict into the operation's result. f.mu is held.
func (f *FS) finish(op Op, v verdict, err error) error {
	switch v {
	case cut:
		f.down = ErrPowerCut
		err = ErrPowerCut
	case fail:
		err = f.plan.Err
		if err == nil {
			err = syscall.EIO
		}
	case short:
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("diskfault: %v %s at %d, %d bytes: %w", op.Kind, op.Name, op.Off, op.Len, err)
	}
	return nil
}

// clean is name without what path.Clean removes; the root is "".
func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// folder is the folder that name is in.
func folder(name string) string {
	if dir := path.Dir(name); dir != "." {
		return dir
	}
	return ""
}

// RealPath returns the path below Plan.Real. It panics without one.
func (f *FS) RealPath(name string) string {
	if f.real == nil {
		panic("diskfault: RealPath needs Plan.Real")
	}
	return f.real.RealPath(name)
}

// Atomic runs commit as one operation. If the power goes at it, chance decides
// whether it ran.
func (f *FS) Atomic(name string, commit func() error) error {
	op := Op{Kind: Atomic, Name: name}
	f.hook(op)
	f.mu.Lock()
	v, err := f.begin(op)
	run := v == pass || v == cut && f.rng.IntN(2) == 0
	f.mu.Unlock()
	if err != nil {
		return err
	}
	var done error
	if run {
		done = commit()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if v == pass {
		return done // as the library said it
	}
	return f.finish(op, v, done)
}

// Space reports the quota, or a terabyte without one.
func (f *FS) Space() (disk.Space, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return disk.Space{}, f.down
	}
	total := cmp.Or(f.plan.Quota, 1<<40)
	free := max(0, total-f.used)
	return disk.Space{Total: total, Free: free, Avail: free}, nil
}

// Lock holds the lock until it is closed, or the power goes, or Kill.
func (f *FS) Lock(name string) (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name = clean(name)
	if f.down != nil {
		return nil, f.down
	}
	if f.locks[name] {
		return nil, fmt.Errorf("diskfault: lock %s: %w", name, disk.ErrLocked)
	}
	f.locks[name] = true
	return &lock{fs: f, name: name}, nil
}

type lock struct {
	fs   *FS
	name string
}

// Close gives the lock to whoever wants it next.
func (l *lock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if !l.fs.locks[l.name] {
		return errors.New("diskfault: lock closed twice")
	}
	delete(l.fs.locks, l.name)
	return nil
}
