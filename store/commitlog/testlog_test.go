package commitlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"testing"

	"pairmq/hal/disk"
)

// A test record: be32 size, the magic code, be64 physical offset, be64 id,
// be32 CRC of all that and of the body, then the body.
const (
	recHeader = 28
	recMagic  = 0xDAA320A7
	recLimit  = 1 << 20
)

// recBody is the body of a record: what it holds follows from its id.
func recBody(id uint64, dst []byte) {
	for i := range dst {
		dst[i] = byte(id>>(8*(i%8))) ^ byte(i) | 1
	}
}

// putRecord fills dst with the record id for phyOffset.
func putRecord(dst []byte, phyOffset int64, id uint64) {
	binary.BigEndian.PutUint32(dst, uint32(len(dst)))
	binary.BigEndian.PutUint32(dst[4:], recMagic)
	binary.BigEndian.PutUint64(dst[8:], uint64(phyOffset))
	binary.BigEndian.PutUint64(dst[16:], id)
	binary.BigEndian.PutUint32(dst[24:], 0)
	recBody(id, dst[recHeader:])
	binary.BigEndian.PutUint32(dst[24:], crc32.ChecksumIEEE(dst))
}

var errNoRecord = errors.New("no record")

// checkRecord is the Checker of test records.
func checkRecord(b []byte, phyOffset int64) (int, error) {
	if len(b) < 8 {
		return 0, ErrShort
	}
	size := int64(binary.BigEndian.Uint32(b))
	switch binary.BigEndian.Uint32(b[4:]) {
	case fillerMagic:
		return 0, fmt.Errorf("%w: %d", ErrBlank, size)
	case recMagic:
	default:
		return 0, errNoRecord
	}
	if size < recHeader || size > recLimit {
		return 0, errNoRecord
	}
	if int64(len(b)) < size {
		return 0, ErrShort
	}
	b = b[:size]
	if binary.BigEndian.Uint64(b[8:]) != uint64(phyOffset) {
		return 0, errNoRecord
	}
	sum := crc32.NewIEEE()
	sum.Write(b[:24])
	sum.Write([]byte{0, 0, 0, 0})
	sum.Write(b[recHeader:])
	if binary.BigEndian.Uint32(b[24:]) != sum.Sum32() {
		return 0, errNoRecord
	}
	return int(size), nil
}

func recordID(b []byte) uint64 { return binary.BigEndian.Uint64(b[16:]) }

// A recordFiller appends records of one size with consecutive ids.
type recordFiller struct {
	id   uint64
	size int
}

func (f *recordFiller) Fill(dst []byte, phyOffset int64) {
	for len(dst) > 0 {
		putRecord(dst[:f.size], phyOffset, f.id)
		dst, phyOffset, f.id = dst[f.size:], phyOffset+int64(f.size), f.id+1
	}
}

// A harness is a Log on a disk, with what it confirmed and what it holds.
type harness struct {
	*Log
	fs     disk.FS
	found  map[int64]uint64 // ids by physical offset, as Recover visited them
	rec    Recovery
	cancel context.CancelFunc
	ended  chan error

	mu        sync.Mutex
	moved     *sync.Cond
	confirmed int64
	failed    error
	durable   int64
	calls     int
}

// prepare gives opts the harness's callbacks and what tests share.
func (h *harness) prepare(fs disk.FS, opts Options) Options {
	h.fs = fs
	h.moved = sync.NewCond(&h.mu)
	opts.FS = fs
	opts.Confirmed = func(end int64, err error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.calls++
		if h.failed != nil || end < h.confirmed || err == nil && end == h.confirmed {
			panic(fmt.Sprintf("Confirmed(%d, %v) after %d, %v", end, err, h.confirmed, h.failed))
		}
		h.confirmed, h.failed = end, err
		h.moved.Broadcast()
	}
	opts.Durable = func(end int64) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if end <= h.durable {
			panic(fmt.Sprintf("Durable(%d) after %d", end, h.durable))
		}
		h.durable = end
		h.moved.Broadcast()
	}
	return opts
}

// openLog opens and recovers a log; Run is not called yet.
func openLog(fs disk.FS, opts Options, ro RecoverOptions) (*harness, error) {
	h := &harness{found: make(map[int64]uint64)}
	l, err := Open(h.prepare(fs, opts))
	if err != nil {
		return nil, err
	}
	h.Log = l
	ro.Check = checkRecord
	ro.Visit = func(s Stretch) error {
		for off, b := range s.Records() {
			h.found[off] = recordID(b)
		}
		return nil
	}
	h.rec, err = l.Recover(ro)
	h.confirmed, h.durable = l.End(), l.Durable()
	return h, err
}

// run starts Run.
func (h *harness) run() {
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel, h.ended = cancel, make(chan error, 1)
	go func() { h.ended <- h.Run(ctx) }()
}

// stop ends Run and closes the log.
func (h *harness) stop() error {
	h.cancel()
	err := <-h.ended
	return errors.Join(err, h.Close())
}

// await blocks until everything before end is confirmed, or the log failed.
func (h *harness) await(end int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.confirmed < end && h.failed == nil {
		h.moved.Wait()
	}
	if h.confirmed >= end {
		return nil
	}
	return h.failed
}

// awaitDurable blocks until everything before end is on flash.
func (h *harness) awaitDurable(end int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.durable < end {
		h.moved.Wait()
	}
}

// put appends count records of size bytes as one unit.
func (h *harness) put(id uint64, size, count int) (int64, error) {
	return h.Append(size*count, &recordFiller{id: id, size: size})
}

// mustStart opens, recovers and runs a log.
func mustStart(t testing.TB, fs disk.FS, opts Options, ro RecoverOptions) *harness {
	t.Helper()
	h, err := openLog(fs, opts, ro)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	h.run()
	return h
}

// mustPut appends one record and waits until it is confirmed.
func mustPut(t testing.TB, h *harness, id uint64, size int) int64 {
	t.Helper()
	off, err := h.put(id, size, 1)
	if err == nil {
		err = h.await(off + int64(size))
	}
	if err != nil {
		t.Fatalf("append record %d of %d bytes: %v", id, size, err)
	}
	return off
}

func mustStop(t testing.TB, h *harness) {
	t.Helper()
	if err := h.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
}

// wantRecord fails unless the record id lies at off.
func wantRecord(t testing.TB, l *Log, off int64, id uint64, size int) {
	t.Helper()
	b := make([]byte, size)
	n, err := l.ReadAt(b, off)
	if err != nil {
		t.Fatalf("ReadAt(%d bytes, %d) = %d, %v", size, off, n, err)
	}
	if got, err := checkRecord(b, off); err != nil || got != size || recordID(b) != id {
		t.Fatalf("at %d: record %d of %d bytes, %v; want record %d of %d", off, recordID(b), got, err, id, size)
	}
}
