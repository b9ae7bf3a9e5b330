package check

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"pairmq/store/record"
)

// A Record is one message in a log.
type Record struct {
	ID          int64 // -1: of no message that was sent
	Queue       int32
	QueueOffset int64
	PhyOffset   int64
	Size        int64
}

// A Log is a broker's commit log at the end, and what it has set aside.
type Log struct {
	Broker  string
	Master  bool
	Start   int64
	Bytes   []byte // from Start on, without what lies behind the last record
	Records []Record
	Faults  []string       // what is not sound in it
	Aside   map[int64]bool // ids of messages in quarantine
}

func (l *Log) end() int64 { return l.Start + int64(len(l.Bytes)) }

// ReadLog reads the store in dir, of a broker that has stopped. Records of
// other topics than topic are not listed.
func ReadLog(dir, broker, topic string, segment int64) (Log, error) {
	l := Log{Broker: broker, Aside: map[int64]bool{}}
	files, err := filepath.Glob(filepath.Join(dir, "commitlog", "[0-9]*"))
	if err != nil {
		return l, err
	}
	slices.Sort(files)
	ended := false
	for i, file := range files {
		base, err := strconv.ParseInt(filepath.Base(file), 10, 64)
		if err != nil {
			return l, fmt.Errorf("check: %s: %w", file, err)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return l, fmt.Errorf("check: %w", err)
		}
		if i == 0 {
			l.Start = base
		}
		if want := l.Start + int64(i)*segment; base != want || int64(len(b)) != segment {
			l.Faults = append(l.Faults, fmt.Sprintf("%s has %d bytes; there should be a segment of %d at %d", filepath.Base(file), len(b), segment, want))
			break
		}
		if !ended {
			ended = l.read(b, base, topic)
		} else if len(bytes.Trim(b, "\x00")) > 0 { // it is one prepared ahead
			l.Faults = append(l.Faults, fmt.Sprintf("%s lies behind the end of the log and is not empty", filepath.Base(file)))
		}
	}
	return l, l.readAside(filepath.Join(dir, "quarantine"))
}

// read reads one segment, and says whether the log ends in it.
func (l *Log) read(b []byte, base int64, topic string) (ended bool) {
	at := 0
	for at < len(b) {
		v, err := record.Parse(b[at:], record.Limits{})
		switch {
		case errors.Is(err, record.ErrBlank):
			if n, ok := record.Blank(b[at:]); !ok || at+n != len(b) {
				l.Faults = append(l.Faults, fmt.Sprintf("the filler at %d does not end where its segment does", base+int64(at)))
			}
			l.Bytes = append(l.Bytes, b...)
			return false
		case err != nil:
			if len(bytes.Trim(b[at:], "\x00")) > 0 {
				l.Faults = append(l.Faults, fmt.Sprintf("what follows %d is neither a record nor zeros: %v", base+int64(at), err))
			}
			l.Bytes = append(l.Bytes, b[:at]...)
			return true
		}
		if err := v.CheckCRC(); err != nil || v.PhyOffset() != base+int64(at) {
			l.Faults = append(l.Faults, fmt.Sprintf("the record at %d says it lies at %d: %v", base+int64(at), v.PhyOffset(), err))
		}
		if string(v.Topic()) == topic {
			l.Records = append(l.Records, Record{ID(v.Body()), v.QueueID(), v.QueueOffset(), v.PhyOffset(), int64(v.Size())})
		}
		at += v.Size()
	}
	l.Bytes = append(l.Bytes, b...)
	return false
}

// readAside looks for messages in all that was set aside.
func (l *Log) readAside(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("check: %w", err)
		}
		for len(b) > 0 {
			v, err := record.Parse(b, record.Limits{})
			if err != nil { // it may begin inside a record, or have a filler
				b = b[1:]
				continue
			}
			if id := ID(v.Body()); id >= 0 && v.CheckCRC() == nil {
				l.Aside[id] = true
			}
			b = b[v.Size():]
		}
	}
	return nil
}
