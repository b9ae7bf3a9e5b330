package folder

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"pairmq/store/record"
)

// Where candidates for records are found: the magic code of all versions, and the
// offset that a record says it has.
const (
	magicAt    = 4
	magic      = "\xda\xa3\x20"
	phyAt      = 28
	headerSize = 36 // up to and with that offset
)

// A verdict is what lies at an offset.
type verdict struct {
	size   int64 // bytes of the record; of a filler, up to the segment's end
	filler bool
	rec    record.View
	kind   Kind // if it is neither
	reason string
	moved  bool // it is a sound record of another place
}

func (l *Log) bad(kind Kind, format string, args ...any) (verdict, error) {
	return verdict{kind: kind, reason: fmt.Sprintf(format, args...)}, nil
}

// judge says what lies at off of s, by recovery's rules.
func (l *Log) judge(s *segment, off int64) (verdict, error) {
	b, err := l.bytes(s, off, headerSize)
	if err != nil {
		return verdict{}, err
	}
	if len(b) < record.BlankSize {
		return l.bad(BadRecord, "%d bytes before the end, where at least a filler has to be", len(b))
	}
	size, code := int64(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[magicAt:])
	if code == record.MagicBlank {
		if rest := l.segmentEnd(off) - off; size != rest {
			return l.bad(BadFiller, "a filler of %d bytes, %d bytes before the end of its segment", size, rest)
		}
		return verdict{size: s.end() - off, filler: true}, nil
	}
	if size == 0 && code == 0 {
		return l.bad(BadRecord, "zeros where a record should be")
	}
	_, err = record.Parse(b[:min(len(b), headerSize)], l.limits)
	if err != nil && !errors.Is(err, record.ErrShort) {
		return l.bad(BadRecord, "%s", inWords(err))
	}
	if rest := l.limitOf(s) - off; size > rest {
		return l.bad(BadRecord, "a record of %d bytes, %d bytes before the end", size, rest)
	}
	if b, err = l.bytes(s, off, size); err != nil {
		return verdict{}, err
	}
	v, err := record.Parse(b, l.limits)
	if err != nil {
		return l.bad(BadRecord, "%s", inWords(err))
	}
	return l.weigh(off, v)
}

// weigh holds a record that is well formed against its place and its checksums.
func (l *Log) weigh(off int64, v record.View) (verdict, error) {
	switch err := v.CheckWhole(); {
	case v.PhyOffset() != off && err == nil:
		return verdict{kind: BadRecord, moved: true, reason: fmt.Sprintf("a sound record that says it lies at %d", v.PhyOffset())}, nil
	case v.PhyOffset() != off:
		return l.bad(BadRecord, "a record that says it lies at %d", v.PhyOffset())
	case err != nil:
		return l.bad(BadRecord, "%s", inWords(err))
	case off >= l.crcSince && !v.HasCRC():
		return l.bad(BadRecord, "the checksum of the whole record is missing: its end was torn off")
	case off+int64(v.Size())+record.BlankSize > l.segmentEnd(off):
		return l.bad(BadRecord, "a record of %d bytes leaves no room for the filler at the end of its segment", v.Size())
	}
	return verdict{size: int64(v.Size()), rec: v}, nil
}

// inWords is err without the name of the package that says it.
func inWords(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "record: "), "malformed: ")
}

// nextGood finds the first good record in s that begins at from or behind.
func (l *Log) nextGood(s *segment, from int64) (off int64, ok bool, err error) {
	err = l.candidates(s, from, func(at, phy int64) (bool, error) {
		if phy != at {
			return true, nil
		}
		v, err := l.judge(s, at)
		off, ok = at, err == nil && v.kind == ""
		return !ok, err
	})
	return off, ok, err
}

// candidates calls f for every place in s from from on where a magic code is, with the
// offset that the record there would have, until f returns false.
func (l *Log) candidates(s *segment, from int64, f func(at, phy int64) (bool, error)) error {
	for {
		b, err := l.bytes(s, from, headerSize)
		if err != nil || len(b) < headerSize {
			return err
		}
		i := bytes.Index(b[magicAt:], []byte(magic))
		if i < 0 {
			from += int64(len(b) - magicAt - len(magic) + 1)
			continue
		}
		from += int64(i)
		if b = b[i:]; len(b) < headerSize {
			if i == 0 {
				return nil // the segment ends
			}
			continue // look again, with what follows
		}
		more, err := f(from, int64(binary.BigEndian.Uint64(b[phyAt:])))
		if err != nil || !more {
			return err
		}
		from++
	}
}
