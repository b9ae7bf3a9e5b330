package sql92

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// number returns the value of a literal. An integer beyond 64 bits is refused,
// and so is a fraction that is zero or beyond a double: RocketMQ takes neither.
func number(t token) (value, error) {
	if t.kind == tokFloat {
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil || f < math.SmallestNonzeroFloat64 {
			return value{}, fmt.Errorf("%.40s is no fraction from %g to %g", t.text, math.SmallestNonzeroFloat64, math.MaxFloat64)
		}
		return double(f), nil
	}
	n, err := strconv.ParseInt(strings.TrimRight(t.text, "lL"), 10, 64)
	if err != nil {
		return value{}, fmt.Errorf("%.40s is beyond %d", t.text, int64(math.MaxInt64))
	}
	if n <= math.MaxInt32 {
		return value{kind: kindInt, bits: uint64(n)}, nil
	}
	return value{kind: kindLong, bits: uint64(n)}, nil
}

// parseInteger reads a text as Java's Integer.valueOf and Long.valueOf do: a
// sign or none, then digits of any script of the basic plane, and nothing else.
func parseInteger(s string, least, most int64) (n int64, ok bool) {
	negative := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative, s = s[0] == '-', s[1:]
	}
	if s == "" {
		return 0, false
	}
	for _, r := range s { // counts downwards: there is one more number below zero
		d := decimal(r)
		if d < 0 || n < (math.MinInt64+d)/10 {
			return 0, false
		}
		n = n*10 - d
	}
	if negative {
		return n, n >= least
	}
	if n < -most {
		return 0, false
	}
	return -n, true
}

// decimal returns the value of a digit, -1 of anything else.
func decimal(r rune) int64 {
	if '0' <= r && r <= '9' {
		return int64(r - '0')
	}
	if r < unicode.MaxASCII {
		return -1
	}
	for _, d := range unicode.Nd.R16 {
		if rune(d.Lo) <= r && r <= rune(d.Hi) {
			return int64(r-rune(d.Lo)) % 10
		}
	}
	return -1
}

// parseDouble reads a text as Java's Double.valueOf does: blanks around it, NaN,
// Infinity, hexadecimal fractions and a letter for the type behind it included.
func parseDouble(s string) (f float64, ok bool) {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	digits := s
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		digits = digits[1:]
	}
	switch {
	case digits == "NaN":
		return math.NaN(), true
	case digits == "Infinity":
		return math.Inf(1 - 2*strings.Count(s[:1], "-")), true
	case len(digits) > 1 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'):
		ok = isFraction(digits[2:], "pP", true)
	default:
		ok = isFraction(digits, "eE", false)
	}
	if !ok {
		return 0, false
	}
	f, _ = strconv.ParseFloat(strings.TrimRight(s, "fFdD"), 64) // too large is infinite, as in Java
	return f, true
}

// isFraction says whether s is digits with at most one point, an exponent, and
// then a letter for the type or none. hex digits need an exponent.
func isFraction(s, exponent string, hex bool) bool {
	digits, points, at := 0, 0, 0
	for ; at < len(s); at++ {
		switch c := s[at]; {
		case isDigit(c), hex && ('a' <= c|0x20 && c|0x20 <= 'f'):
			digits++
			continue
		case c == '.' && points == 0:
			points++
			continue
		}
		break
	}
	if digits == 0 {
		return false
	}
	switch s = s[at:]; {
	case s != "" && strings.IndexByte(exponent, s[0]) >= 0:
		s = s[1:]
		if s != "" && (s[0] == '-' || s[0] == '+') {
			s = s[1:]
		}
		rest := strings.TrimLeft(s, "0123456789")
		if len(rest) == len(s) {
			return false
		}
		s = rest
	case hex:
		return false
	}
	return s == "" || len(s) == 1 && strings.IndexByte("fFdD", s[0]) >= 0
}
