package index

import (
	"errors"
	"fmt"
	"io/fs"

	"pairmq/hal/disk"
)

// openJournal opens the journal, or makes it, and brings the offsets up to
// date. It reports whether there was one.
func (x *Index) openJournal() (found bool, err error) {
	o := &x.offsets
	j := &o.journal
	var size int64
	j.f, err = x.opts.FS.Open(x.opts.Journal)
	switch {
	case err == nil:
		found = true
		if size, err = j.f.Size(); err != nil {
			return found, fmt.Errorf("index: size of %s: %w", x.opts.Journal, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("index: open %s: %w", x.opts.Journal, err)
	}
	j.half = size / 2 / pageSize * pageSize
	j.at, j.synced, j.end = -1, x.opts.Now(), x.end
	j.sequence = o.folded
	if size >= 4*pageSize {
		x.replayJournal()
	}
	o.unsaved = len(o.groups) > 0
	if snapshot := int64(o.size) + pageSize; snapshot > j.half {
		return found, x.createJournal(max(x.opts.JournalBytes, 4*snapshot))
	}
	return found, nil
}

// readJournal is openJournal for one who writes nothing.
func (x *Index) readJournal() (err error) {
	j := &x.offsets.journal
	j.half = x.opts.JournalBytes / 2 / pageSize * pageSize // bounds what is committed
	j.sequence = x.offsets.folded
	f, err := x.opts.FS.Open(x.opts.Journal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("index: open %s: %w", x.opts.Journal, err)
	}
	j.f = f
	size, err := j.f.Size()
	if err != nil {
		return fmt.Errorf("index: size of %s: %w", x.opts.Journal, err)
	}
	if size >= 4*pageSize {
		j.half = size / 2 / pageSize * pageSize
		x.replayJournal()
	}
	return nil
}

// createJournal makes the file and writes all of it once. What an earlier one
// knew goes to the index file first.
func (x *Index) createJournal(size int64) error {
	j := &x.offsets.journal
	if err := errors.Join(x.foldOnly(), x.offsets.close()); err != nil {
		return fmt.Errorf("index: replace %s: %w", x.opts.Journal, err)
	}
	j.f = nil
	err := disk.Replace(x.opts.FS, x.opts.Journal, make([]byte, size))
	if err == nil {
		j.f, err = x.opts.FS.Open(x.opts.Journal)
	}
	if err != nil {
		return fmt.Errorf("index: make %s: %w", x.opts.Journal, err)
	}
	j.half = size / 2 / pageSize * pageSize
	return nil
}

// replayJournal applies what the journal has and the file has not. The half
// with the newer snapshot has it all; if that snapshot is torn, the other does.
func (x *Index) replayJournal() {
	j := &x.offsets.journal
	newer, older := int64(0), j.half
	if j.halfHead(j.half).sequence > j.halfHead(0).sequence {
		newer, older = older, newer
	}
	if !x.replayHalf(newer) {
		x.replayHalf(older)
	}
}

// halfHead returns the head of the snapshot that a half begins with, a zero one
// if it does not.
func (j *journal) halfHead(base int64) batchHead {
	head, err := j.readHead(base)
	if err != nil || !head.snapshot {
		return batchHead{}
	}
	return head
}

// readHead reads the head of the batch at.
func (j *journal) readHead(at int64) (batchHead, error) {
	end := at/j.half*j.half + j.half
	var b [batchHeader]byte
	if _, err := j.f.ReadAt(b[:], at); err != nil {
		return batchHead{}, fmt.Errorf("index: read the journal at %d: %w", at, err)
	}
	return decodeBatchHead(b[:], end-at)
}

// replayHalf applies the half's batches as far as they are whole and
// consecutive. It reports whether the snapshot was.
func (x *Index) replayHalf(base int64) bool {
	o := &x.offsets
	j := &o.journal
	r := &replay{o: o, names: map[uint32]forget{}}
	at := base
	var last batchHead
	for at < base+j.half {
		head, err := j.readHead(at)
		if err != nil || head.snapshot != (at == base) ||
			at > base && (head.lap != last.lap || head.sequence != last.sequence+1) {
			break
		}
		b := make([]byte, head.length)
		if _, err := j.f.ReadAt(b, at); err != nil || r.batch(b, head) != nil {
			break
		}
		last = head
		at += (int64(head.length) + pageSize - 1) / pageSize * pageSize
	}
	if at == base {
		return false
	}
	j.sequence = max(j.sequence, last.sequence)
	j.base = base // the next snapshot goes to the other half
	return true
}

// A replay applies batches to the offsets.
type replay struct {
	o     *offsets
	names map[uint32]forget // number → group and topic
}

// batch applies what the file does not have. It fails with ErrDamaged, and then
// has applied nothing.
func (r *replay) batch(b []byte, head batchHead) error {
	nothing := batchVisitor{
		define: func(uint32, forget) {},
		offset: func(uint32, slot) {},
		forget: func(forget) {},
	}
	if err := readBatch(b, nothing); err != nil {
		return err
	}
	v := nothing
	v.define = func(number uint32, of forget) { r.names[number] = of }
	if head.sequence > r.o.folded {
		if head.snapshot {
			r.o.reset()
			r.o.replaced = true
		}
		v.offset = r.offset
		v.forget = func(f forget) { r.o.drop(f) }
	}
	return readBatch(b, v)
}

func (r *replay) offset(number uint32, s slot) {
	of, ok := r.names[number]
	if !ok {
		return
	}
	p := r.o.pair(of.group, of.topic)
	r.o.set(p, s)
	r.o.noteChanged(p)
}
