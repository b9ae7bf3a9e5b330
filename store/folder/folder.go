package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"time"

	"pairmq/hal/disk"
	"pairmq/store"
	"pairmq/store/index"
)

// Names below a store's folder.
const (
	logDir     = "commitlog"
	recycleDir = "recycle"
	indexFile  = "meta.db"
	lockFile   = "LOCK"
	tmpSuffix  = ".tmp"
)

var (
	// ErrNoStore: the folder is none of a store.
	ErrNoStore = errors.New("folder: no store")
	// ErrInUse: a daemon runs on the folder.
	ErrInUse = errors.New("folder: in use by a daemon")
)

// Options says how a folder is to be read.
type Options struct {
	SegmentSize int64 // bytes; 0: what the files say
	MaxRecord   int   // bytes of a record that is believed; 0 means MaxRecord
	NoIndex     bool  // the log alone
}

// A Folder is what a store, or half of one, left on a disk.
type Folder struct {
	Log   *Log
	InUse bool         // a daemon held the lock when it was opened; then there is no Index
	Index *index.Index // nil if there is none, or none that can be read
	Stop  store.Stop   // what the index's mark says; of no index, nothing
	// Layout is what is wrong with the files, in the order of their places.
	Layout []Finding
	// SegmentsAlone: the folder is a commitlog/ itself, not one above it.
	SegmentsAlone bool

	fs   disk.FS
	open segment // whose file f is
	f    disk.File
}

// Open looks at the store's folder dir, a copy of one, or its folder of segments
// alone. It fails with ErrNoStore if it is neither. Damage is no error: see Layout and
// Log.Parts.
func Open(dir string, opts Options) (*Folder, error) {
	fsys, err := disk.ReadOnly(dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{fs: fsys, Stop: store.ReadStop(nil)}
	l := &Log{size: opts.SegmentSize, limits: limits(opts.MaxRecord), read: f.read, crcSince: f.Stop.ChecksumsSince}
	f.Log = l
	where, entries, err := f.findLog(dir)
	if err != nil {
		return nil, err
	}
	f.SegmentsAlone = where != logDir
	f.list(where, entries)
	lock, err := fsys.Lock(lockFile)
	if f.InUse = errors.Is(err, disk.ErrLocked); f.InUse {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	if err := lock.Close(); err != nil {
		return nil, err
	}
	if !opts.NoIndex {
		f.openIndex()
	}
	return f, nil
}

// Close releases what is open.
func (f *Folder) Close() error {
	var errs []error
	if f.f != nil {
		errs = append(errs, f.f.Close())
	}
	if f.Index != nil {
		errs = append(errs, f.Index.Close())
	}
	return errors.Join(errs...)
}

// findLog lists the folder of segments: that of a store, or dir itself.
func (f *Folder) findLog(dir string) (where string, entries []disk.Entry, err error) {
	if entries, err = f.fs.ReadDir(logDir); err == nil {
		return logDir, entries, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", nil, err
	}
	if entries, err = f.fs.ReadDir("."); err != nil {
		return "", nil, err
	}
	for _, e := range entries {
		if _, ok := parseName(e.Name); ok && !e.Dir {
			return ".", entries, nil
		}
	}
	return "", nil, fmt.Errorf("%w: %s has no folder %s, and no segments", ErrNoStore, dir, logDir)
}

// list finds the segments, and what is wrong with them.
func (f *Folder) list(where string, entries []disk.Entry) {
	l := f.Log
	var segs []segment
	for _, e := range entries {
		base, ok := parseName(e.Name)
		if ok && !e.Dir {
			segs = append(segs, segment{name: path.Join(where, e.Name), base: base, size: e.Size})
		} else if where == logDir && e.Name != recycleDir && !strings.HasSuffix(e.Name, tmpSuffix) {
			f.Layout = append(f.Layout, Finding{Kind: ForeignFile, File: path.Join(where, e.Name), PhyOffset: nowhere, Length: e.Size, Reason: "its name is none of a segment"})
		}
	}
	if l.size == 0 {
		l.size = guessSize(segs)
	}
	for _, s := range segs {
		switch {
		case l.size <= 0 || s.base%l.size != 0:
			f.Layout = append(f.Layout, Finding{Kind: ForeignFile, File: s.name, PhyOffset: s.base, Length: s.size, Reason: fmt.Sprintf("it does not begin at a multiple of the segment size %d, and is not read", l.size)})
			continue
		case s.size != l.size:
			f.Layout = append(f.Layout, Finding{Kind: WrongSize, File: s.name, PhyOffset: s.base, Length: s.size, Reason: fmt.Sprintf("it has %d bytes, the others have %d", s.size, l.size)})
		}
		s.size = min(s.size, l.size)
		l.segments = append(l.segments, s)
	}
}

// parseName is where the segment called name begins.
func parseName(name string) (base int64, ok bool) {
	if len(name) != 20 {
		return 0, false
	}
	for _, c := range []byte(name) {
		if c < '0' || c > '9' || base > (1<<63-1-int64(c-'0'))/10 {
			return 0, false
		}
		base = base*10 + int64(c-'0')
	}
	return base, true
}

// guessSize is the size that most files have, if all begin at multiples of it. Else
// files are too short, as copies from a dying device are: then it is the least power of
// two that fits.
func guessSize(segs []segment) int64 {
	count := map[int64]int{}
	var best, longest int64
	fits := func(size int64) bool {
		for _, s := range segs {
			if size <= 0 || s.base%size != 0 {
				return false
			}
		}
		return true
	}
	for _, s := range segs {
		count[s.size]++
		longest = max(longest, s.size)
		if n := count[s.size]; n > count[best] || n == count[best] && s.size > best {
			best = s.size
		}
	}
	if fits(best) || len(segs) == 0 {
		return best
	}
	for size := int64(4096); size <= 1<<30; size *= 2 {
		if size >= longest && fits(size) {
			return size
		}
	}
	return best
}

// openIndex opens meta.db, if there is one.
func (f *Folder) openIndex() {
	x, err := index.OpenReadOnly(index.Options{FS: f.fs, File: indexFile, LockTimeout: time.Second, Log: slog.New(slog.DiscardHandler)})
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		f.Layout = append(f.Layout, Finding{Kind: IndexDamaged, File: indexFile, PhyOffset: nowhere, Reason: err.Error()})
		return
	}
	f.Index, f.Stop = x, store.ReadStop(x.Mark())
	l := f.Log
	l.crcSince = f.Stop.ChecksumsSince
	l.least = max(x.Checkpoint(), f.Stop.End)
	floor := x.Floor()
	if first := l.Start(); l.size > 0 && first-first%l.size > floor && l.least > floor && floor/l.size < first/l.size {
		from := floor - floor%l.size
		f.Layout = append(f.Layout, Finding{Kind: MissingSegment, File: segmentPath(from), PhyOffset: from, Length: first - from,
			Reason: fmt.Sprintf("the index knows the log from %d on, the first file begins at %d", floor, first)})
	}
}

// read is the Log's.
func (f *Folder) read(s *segment, p []byte, off int64) (int, error) {
	if f.f == nil || f.open.name != s.name {
		if f.f != nil {
			if err := f.f.Close(); err != nil {
				return 0, err
			}
		}
		var err error
		if f.f, err = f.fs.Open(s.name); err != nil {
			f.f = nil
			return 0, err
		}
		f.open = *s
	}
	n, err := f.f.ReadAt(p, off-s.base)
	if n == len(p) || errors.Is(err, io.EOF) && n > 0 {
		return n, nil
	}
	return n, err
}
