package sql92

import (
	"cmp"
	"math"
	"strings"
)

// A kind is what a value is, by the name of Java's class.
type kind uint8

const (
	kindNull   kind = iota
	kindBool        // Boolean
	kindInt         // Integer
	kindLong        // Long
	kindDouble      // Double
	kindText        // String
	kindFailed      // none: the evaluation is over
)

// A value is what a part of an expression evaluates to.
type value struct {
	kind kind
	bits uint64 // of a number; 1 is true
	text string
}

func truth(b bool) value {
	if b {
		return value{kind: kindBool, bits: 1}
	}
	return value{kind: kindBool}
}

func double(f float64) value { return value{kind: kindDouble, bits: math.Float64bits(f)} }

func (v value) isNumber() bool { return kindInt <= v.kind && v.kind <= kindDouble }

func (v value) integer() int64 { return int64(v.bits) }

func (v value) double() float64 {
	if v.kind == kindDouble {
		return math.Float64frombits(v.bits)
	}
	return float64(v.integer())
}

// negative returns the number below zero that v is above it; null of what is no
// number.
func (v value) negative() value {
	switch v.kind {
	case kindInt:
		return value{kind: kindInt, bits: uint64(int64(-int32(v.bits)))}
	case kindLong:
		return value{kind: kindLong, bits: -v.bits}
	case kindDouble:
		return double(-v.double())
	case kindFailed:
		return v
	}
	return value{}
}

// compare orders two values, neither of which is null; ok is false where Java
// throws. Of two texts, and of values of which neither becomes the other, it
// only tells whether they are equal.
func compare(l, r value) (c int, ok bool) {
	switch {
	case l.kind == kindText && r.kind == kindText:
		if l.text != r.text {
			return -1, true
		}
		return 0, true
	case l.kind == kindText:
		if l, ok = convert(l.text, r.kind); !ok {
			return 0, false
		}
	case r.kind == kindText:
		if l.kind == kindBool { // RocketMQ converts the wrong one, and fails
			return 0, false
		}
		if r, ok = convert(r.text, l.kind); !ok {
			return 0, false
		}
	}
	switch {
	case (l.kind == kindBool) != (r.kind == kindBool):
		return -1, true
	case l.kind == kindDouble || r.kind == kindDouble:
		return compareDoubles(l.double(), r.double()), true
	}
	return cmp.Compare(l.integer(), r.integer()), true
}

// convert makes a text a value of kind k, neither null nor a text.
func convert(text string, k kind) (value, bool) {
	switch k {
	case kindBool:
		return truth(strings.EqualFold(text, "true")), true
	case kindInt:
		n, ok := parseInteger(text, math.MinInt32, math.MaxInt32)
		return value{kind: kindInt, bits: uint64(n)}, ok
	case kindLong:
		n, ok := parseInteger(text, math.MinInt64, math.MaxInt64)
		return value{kind: kindLong, bits: uint64(n)}, ok
	default:
		f, ok := parseDouble(text)
		return double(f), ok
	}
}

// compareDoubles orders as Java's Double.compareTo: -0 below 0, NaN above all
// and equal to itself.
func compareDoubles(l, r float64) int {
	switch {
	case l < r:
		return -1
	case l > r:
		return 1
	case l == r:
		return cmp.Compare(signOf(l), signOf(r))
	}
	return cmp.Compare(isNaN(l), isNaN(r))
}

func signOf(f float64) int {
	if math.Signbit(f) {
		return -1
	}
	return 1
}

func isNaN(f float64) int {
	if math.IsNaN(f) {
		return 1
	}
	return 0
}

// manyTexts is from how many texts on IN looks into a table.
const manyTexts = 9

// A list is the texts of IN.
type list struct {
	few  []string
	many map[string]struct{}
}

func newList(texts []string) list {
	if len(texts) < manyTexts {
		return list{few: texts}
	}
	l := list{many: make(map[string]struct{}, len(texts))}
	for _, t := range texts {
		l.many[t] = struct{}{}
	}
	return l
}

func (l list) has(text string) bool {
	for _, t := range l.few {
		if t == text {
			return true
		}
	}
	_, ok := l.many[text]
	return ok
}
