package replica

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// testSegment is the segment size of logs in these tests.
const testSegment = 1 << 10

// testRecord is the size of their records: each begins with a byte of 0xee.
const testRecord = 32

// A memLog is a log in memory, a master's and a slave's, with records of one
// size. What is appended is acknowledged when flush says so.
type memLog struct {
	mu       sync.Mutex
	start    int64
	data     []byte
	size     int64           // of segments; 0 means testSegment
	unacked  int64           // bytes at the end that are not flushed yet
	cut      []byte          // what Truncate set aside
	failing  error           // of AppendRaw
	held     <-chan struct{} // AppendRaw waits until it is closed; nil: for nothing
	appended func()
}

// logOf makes a log of n records that a seed tells from those of other seeds.
func logOf(n int, seed byte) *memLog {
	l := &memLog{}
	l.grow(n, seed)
	return l
}

// grow adds n records.
func (l *memLog) grow(n int, seed byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		r := bytes.Repeat([]byte{seed}, testRecord)
		r[0], r[1], r[2] = 0xee, byte(len(l.data)/testRecord), byte(len(l.data)/testRecord>>8)
		l.data = append(l.data, r...)
	}
}

func (l *memLog) SegmentSize() int64 {
	if l.size != 0 {
		return l.size
	}
	return testSegment
}

func (l *memLog) Start() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.start
}

func (l *memLog) End() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end()
}

func (l *memLog) end() int64 { return l.start + int64(len(l.data)) }

func (l *memLog) Acked() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end() - l.unacked
}

func (l *memLog) Confirmed() int64 { return l.Acked() }

func (l *memLog) ReadRaw(p []byte, off int64) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if off < l.start {
		return 0, fmt.Errorf("memlog: %d is before %d: %w", off, l.start, fs.ErrNotExist)
	}
	most := l.SegmentSize() - off%l.SegmentSize()
	return copy(p[:min(int64(len(p)), most)], l.data[min(off, l.end())-l.start:]), nil
}

// hold lets appends wait for gate.
func (l *memLog) hold(gate <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = gate
}

func (l *memLog) AppendRaw(off int64, b []byte) error {
	l.mu.Lock()
	held := l.held
	l.mu.Unlock()
	if held != nil {
		<-held
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing != nil {
		return l.failing
	}
	if off != l.end() {
		return fmt.Errorf("memlog: append at %d, the end is %d", off, l.end())
	}
	l.data = append(l.data, b...)
	if l.appended != nil {
		l.appended()
	}
	return nil
}

func (l *memLog) Sound(_ int64, b []byte) (int, error) {
	switch {
	case len(b) == 0:
		return 0, nil
	case b[0] != 0xee:
		return 0, fmt.Errorf("memlog: a record that begins with %x", b[0])
	case len(b) < testRecord:
		return 0, nil
	}
	return testRecord, nil
}

func (l *memLog) Boundary(off int64) (int64, error) { return off / testRecord * testRecord, nil }

func (l *memLog) Truncate(end int64) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if end < l.start || end > l.end() || end%testRecord != 0 {
		return "", fmt.Errorf("memlog: truncate to %d of %d to %d", end, l.start, l.end())
	}
	l.cut = append([]byte(nil), l.data[end-l.start:]...)
	l.data = l.data[:end-l.start]
	return fmt.Sprintf("quarantine/%d", end), nil
}

func (l *memLog) Reset(start int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.data) > 0 {
		return errors.New("memlog: not empty")
	}
	l.start = start
	return nil
}

func (l *memLog) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.data)
}
