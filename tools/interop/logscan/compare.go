package logscan

import (
	"bytes"
	"fmt"
	"os"
)

// A Span is a stretch of log that two brokers have alike.
type Span struct {
	From, End int64 // physical offsets
	Segments  int
}

// Compare compares a copy's bytes with the original's, from the copy's first
// segment to the physical offset end. It fails at the first byte that differs
// or is missing, and when the copy's segments are cut otherwise.
func Compare(original, copied string, end int64) (Span, error) {
	from, err := list(original)
	if err != nil {
		return Span{}, err
	}
	to, err := list(copied)
	if err != nil {
		return Span{}, err
	}
	if len(to) == 0 {
		return Span{}, fmt.Errorf("logscan: %s has no segment", copied)
	}
	span := Span{From: to[0].First, End: to[0].First}
	for _, s := range from {
		if s.First < span.From || s.First >= end {
			continue
		}
		if span.Segments >= len(to) || to[span.Segments].First != s.First || s.First != span.End {
			return span, fmt.Errorf("logscan: the copy lacks segment %020d", s.First)
		}
		n := min(s.Size, end-s.First)
		if err := same(s, to[span.Segments], n); err != nil {
			return span, err
		}
		span.End = s.First + n
		span.Segments++
	}
	if span.End != end {
		return span, fmt.Errorf("logscan: equal up to %d, not up to %d: the original has no more", span.End, end)
	}
	return span, nil
}

// same compares the first n bytes of two segments.
func same(s, t Segment, n int64) error {
	a, err := os.ReadFile(s.Path)
	if err != nil {
		return fmt.Errorf("logscan: %w", err)
	}
	b, err := os.ReadFile(t.Path)
	if err != nil {
		return fmt.Errorf("logscan: %w", err)
	}
	if int64(len(a)) < n || int64(len(b)) < n {
		return fmt.Errorf("logscan: segment %020d has %d bytes, its copy %d, want %d", s.First, len(a), len(b), n)
	}
	if a, b = a[:n], b[:n]; bytes.Equal(a, b) {
		return nil
	}
	i := 0
	for a[i] == b[i] {
		i++
	}
	return fmt.Errorf("logscan: the logs differ at physical offset %d: % x and % x", s.First+int64(i), a[i:min(len(a), i+16)], b[i:min(len(b), i+16)])
}
