package index

import (
	"fmt"
	"time"
)

// syncEvery is how long the journal may go without a sync while no records
// arrive: what consumers see again after a power cut.
const syncEvery = 30 * time.Second

// FlushOffsets appends what consumers committed since the last call to the
// journal, where it survives the process. It syncs the journal if records were
// applied since the last sync, for then the flash is busy anyway, or if that is
// 30 s ago. Call it every few seconds.
func (x *Index) FlushOffsets() error { return x.flushOffsets(false) }

// SyncOffsets is FlushOffsets, and they are durable on return.
func (x *Index) SyncOffsets() error { return x.flushOffsets(true) }

func (x *Index) flushOffsets(sync bool) error {
	j := &x.offsets.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := x.Failed(); err != nil {
		return err
	}
	b, err := x.offsets.nextBatch()
	if err == nil && b != nil {
		err = j.write(b)
	}
	if err == nil && j.unsynced && (sync || x.syncDue(j)) {
		err = j.sync(x.opts.Now())
	}
	return x.fail(err)
}

func (x *Index) syncDue(j *journal) bool {
	x.mu.RLock()
	end := x.end
	x.mu.RUnlock()
	if end == j.end && x.opts.Now().Sub(j.synced) < syncEvery {
		return false
	}
	j.end = end
	return true
}

// nextBatch encodes what the journal does not have, or everything if that does
// not fit in the half in use; nil if there is nothing new. The caller holds
// journal.mu and writes the batch at once.
func (o *offsets) nextBatch() ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.dirty) == 0 && len(o.forgets) == 0 && !o.unsaved {
		return nil, nil
	}
	j := &o.journal
	if cap(j.w.b) > 64<<10 {
		j.w.b = nil // grown by a snapshot
	}
	snapshot := true
	if j.at >= 0 && !o.unsaved {
		o.encodeNews()
		snapshot = !j.fits(len(j.w.b))
	}
	if snapshot {
		j.turn()
		o.encodeAll()
		if !j.fits(len(j.w.b)) {
			return nil, fmt.Errorf("index: %d bytes of consumer offsets do not fit in half a journal of %d", len(j.w.b), j.half)
		}
	}
	o.clean()
	j.sequence++
	return j.w.finish(j.sequence, j.lap, snapshot), nil
}

// encodeNews encodes the batch of what changed.
func (o *offsets) encodeNews() {
	j := &o.journal
	j.w.begin()
	for _, f := range o.forgets {
		j.w.forget(f)
	}
	for _, p := range o.dirty {
		if p.gone {
			continue
		}
		o.define(p)
		for _, s := range p.slots {
			if s.dirty {
				j.w.offset(p.number, s)
			}
		}
	}
}

// encodeAll encodes a snapshot.
func (o *offsets) encodeAll() {
	j := &o.journal
	j.w.begin()
	for _, topics := range o.groups {
		for _, p := range topics {
			o.define(p)
			for _, s := range p.slots {
				j.w.offset(p.number, s)
			}
		}
	}
}

// define gives p a number in the half in use, if it has none.
func (o *offsets) define(p *pair) {
	if j := &o.journal; p.lap != j.lap {
		p.number, p.lap = j.numbers, j.lap
		j.numbers++
		j.w.define(p.number, p.group, p.topic)
	}
}

// clean notes that the journal has everything.
func (o *offsets) clean() {
	for _, p := range o.dirty {
		p.dirty = false
		for i := range p.slots {
			p.slots[i].dirty = false
		}
	}
	o.dirty, o.forgets, o.unsaved = o.dirty[:0], nil, false
}
