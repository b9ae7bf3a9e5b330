package diskfault

import (
	"errors"
	"fmt"
)

// ErrPowerCut is what everything fails with from the moment the power is gone
// until the FS that Restart returns.
var ErrPowerCut = errors.New("diskfault: the power is cut")

// Kind says what an operation does. Only operations that change something have
// a kind and a number; reading is never counted.
type Kind uint8

const (
	Write Kind = iota + 1
	Datasync
	Sync
	Truncate
	Allocate
	Create
	Remove
	Rename
	MkdirAll
	SyncDir
	Atomic
)

// String is the kind's name in messages.
func (k Kind) String() string {
	names := [...]string{"any operation", "write", "datasync", "sync", "truncate", "allocate", "create", "remove", "rename", "mkdir", "syncdir", "atomic"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Op is one operation that changes something.
type Op struct {
	N    int // its number since New or Arm, from 1; 0 in a Hook, which runs before the operation has one
	Kind Kind
	Name string // of the file or folder; for Rename the old name
	Off  int64  // of a write
	Len  int64  // bytes of a write; the size for Truncate and Allocate
}

// String names the operation, its number and its place.
func (o Op) String() string {
	return fmt.Sprintf("operation %d: %v %q at %d, %d bytes", o.N, o.Kind, o.Name, o.Off, o.Len)
}

// Plan says what goes wrong, and when. Its zero value is a disk without faults.
type Plan struct {
	Seed uint64 // decides everything that is left to chance, replayable
	Only Kind   // if not 0, the numbers below count only operations of this kind

	CutAt   int   // the power goes at this operation, which may be torn; 0: never
	FailAt  int   // this operation fails; 0: none
	Err     error // with this error; nil means syscall.EIO
	Sticky  bool  // and so do all later ones
	ShortAt int   // this operation, if it is a write, stores only a part of its bytes; 0: none

	Quota int64  // bytes that all files together may have; 0: no limit
	Real  string // folder for RealPath, for libraries that open files by path

	// Hook is called before each operation, without a lock: it may block, to
	// hold the operation back.
	Hook func(Op)
}

// verdict is what becomes of one operation.
type verdict uint8

const (
	pass verdict = iota
	cut
	fail
	short
)

// judge decides about the next operation of a kind, the n-th that is counted.
func (p *Plan) judge(k Kind, n int) verdict {
	if p.Only != 0 && k != p.Only {
		return pass
	}
	switch {
	case p.CutAt > 0 && n == p.CutAt:
		return cut
	case p.FailAt > 0 && (n == p.FailAt || p.Sticky && n > p.FailAt):
		return fail
	case p.ShortAt > 0 && n == p.ShortAt && k == Write:
		return short
	}
	return pass
}
