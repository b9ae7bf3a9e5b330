package index

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"pairmq/hal/disk"
)

// A journal is a ring file of batches, in two halves. A half begins with a
// snapshot, so that either is enough to know every offset as of its last batch;
// when one is full the other is begun, and the full one stays whole meanwhile.
// Batches begin at pages, so that no write touches an older batch. The file is
// written once when it is made: a sync then costs its pages and no metadata.
// What an earlier lap left behind the last batch is told by its lap number.
type journal struct {
	mu       sync.Mutex // one batch at a time
	f        disk.File  // nil before openJournal
	half     int64      // bytes
	at       int64      // where the next batch goes; 0 in neither half: begin one
	base     int64      // of the half in use
	sequence int64      // of the last batch
	lap      uint64     // of the half in use
	numbers  uint32     // given out in this lap
	end      int64      // Index.end at the last sync
	unsynced bool
	synced   time.Time
	w        batchWriter
}

// write appends a batch; it is in the page cache on return.
func (j *journal) write(b []byte) error {
	if _, err := j.f.WriteAt(b, j.at); err != nil {
		return fmt.Errorf("index: write batch %d of the journal at %d: %w", j.sequence, j.at, err)
	}
	j.at += int64(len(b))
	j.unsynced = true
	return nil
}

// fits says whether a batch of n bytes has room in the half in use.
func (j *journal) fits(n int) bool {
	return j.at >= 0 && j.at+int64(n)+pageSize-1 <= j.base+j.half
}

// turn goes to the start of the other half.
func (j *journal) turn() {
	j.base = j.half - j.base
	j.at = j.base
	j.lap = rand.Uint64() | 1 // never 0, which no pair has a number in
	j.numbers = 0
}

func (j *journal) sync(now time.Time) error {
	if !j.unsynced {
		return nil
	}
	if err := j.f.Datasync(); err != nil {
		return fmt.Errorf("index: sync the journal: %w", err)
	}
	j.unsynced, j.synced = false, now
	return nil
}
