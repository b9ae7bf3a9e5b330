package remoting

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep the values of unknown members may nest.
const maxDepth = 32

// A jsonScanner walks over JSON text. It is strict about structure; within
// strings it takes control characters and any bytes beyond ASCII as they are.
type jsonScanner struct {
	in  []byte
	pos int
}

func (s *jsonScanner) bad(want string) error {
	if s.pos >= len(s.in) {
		return fmt.Errorf("%w: JSON ends at %d, want %s", ErrBadHeader, s.pos, want)
	}
	return fmt.Errorf("%w: JSON has %q at %d, want %s", ErrBadHeader, s.in[s.pos], s.pos, want)
}

// peek skips white space and returns the byte behind it, 0 at the end.
func (s *jsonScanner) peek() byte {
	for s.pos < len(s.in) {
		switch b := s.in[s.pos]; b {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return b
		}
	}
	return 0
}

// expect skips white space and then want, which is not 0.
func (s *jsonScanner) expect(want byte) error {
	if s.peek() != want {
		return s.bad(string(rune(want)))
	}
	s.pos++
	return nil
}

// next goes to the next element of an object or array: it skips the comma, or
// the closing byte, when it returns false.
func (s *jsonScanner) next(closing byte, first bool) (bool, error) {
	switch b := s.peek(); {
	case b == closing:
		s.pos++
		return false, nil
	case first:
		return true, nil
	case b == ',':
		s.pos++
		return true, nil
	default:
		return false, s.bad("a comma or " + string(rune(closing)))
	}
}

// end checks that nothing but white space is left.
func (s *jsonScanner) end() error {
	if s.peek(); s.pos < len(s.in) {
		return s.bad("the end")
	}
	return nil
}

// int32 reads a whole number that fits 32 bits; null counts as 0.
func (s *jsonScanner) int32() (int32, error) {
	if s.peek() == 'n' {
		return 0, s.skip(0)
	}
	from := s.pos
	if err := s.number(); err != nil {
		return 0, err
	}
	n, ok := parseInt32(s.in[from:s.pos])
	if !ok {
		s.pos = from
		return 0, s.bad("a whole number of 32 bits")
	}
	return n, nil
}

// parseInt32 reads a JSON number that is whole and fits 32 bits.
func parseInt32(b []byte) (int32, bool) {
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 10 {
		return 0, false
	}
	var n int64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	if len(digits) < len(b) {
		n = -n
	}
	return int32(n), int64(int32(n)) == n
}

// number skips a number.
func (s *jsonScanner) number() error {
	if s.peek() == '-' {
		s.pos++
	}
	zero := s.pos < len(s.in) && s.in[s.pos] == '0'
	if n := s.digits(); n == 0 || zero && n > 1 {
		return s.bad("a number")
	}
	if s.pos < len(s.in) && s.in[s.pos] == '.' {
		s.pos++
		if s.digits() == 0 {
			return s.bad("a digit")
		}
	}
	if s.pos < len(s.in) && s.in[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.in) && (s.in[s.pos] == '+' || s.in[s.pos] == '-') {
			s.pos++
		}
		if s.digits() == 0 {
			return s.bad("a digit")
		}
	}
	return nil
}

// digits skips digits and returns how many.
func (s *jsonScanner) digits() int {
	from := s.pos
	for s.pos < len(s.in) && s.in[s.pos]-'0' <= 9 {
		s.pos++
	}
	return s.pos - from
}

// str appends what the string at hand stands for to dst.
func (s *jsonScanner) str(dst []byte) ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return dst, err
	}
	for {
		rest := s.in[s.pos:]
		n := plain(rest)
		dst = append(dst, rest[:n]...)
		s.pos += n
		if n == len(rest) {
			return dst, s.bad("the end of a string")
		}
		s.pos++
		if rest[n] == '"' {
			return dst, nil
		}
		var err error
		if dst, err = s.escape(dst); err != nil {
			return dst, err
		}
	}
}

// plain returns how many bytes of b come before a quote or backslash.
func plain(b []byte) int {
	for i, c := range b {
		if c == '"' || c == '\\' {
			return i
		}
	}
	return len(b)
}

// escape appends what the escape whose backslash was skipped stands for.
func (s *jsonScanner) escape(dst []byte) ([]byte, error) {
	if s.pos == len(s.in) {
		return dst, s.bad("an escape")
	}
	b := s.in[s.pos]
	switch b {
	case '"', '\\', '/':
	case 'b':
		b = '\b'
	case 'f':
		b = '\f'
	case 'n':
		b = '\n'
	case 'r':
		b = '\r'
	case 't':
		b = '\t'
	case 'u':
		s.pos++
		return s.unicode(dst)
	default:
		return dst, s.bad("an escape")
	}
	s.pos++
	return append(dst, b), nil
}

// unicode appends the character of a \u escape as UTF-8; half a surrogate pair
// becomes U+FFFD.
func (s *jsonScanner) unicode(dst []byte) ([]byte, error) {
	r, ok := s.hex4(s.pos)
	if !ok {
		return dst, s.bad("four hexadecimal digits")
	}
	s.pos += 4
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(dst, r), nil
	}
	if s.pos+1 < len(s.in) && s.in[s.pos] == '\\' && s.in[s.pos+1] == 'u' {
		if low, ok := s.hex4(s.pos + 2); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				s.pos += 6
				return utf8.AppendRune(dst, pair), nil
			}
		}
	}
	return utf8.AppendRune(dst, utf8.RuneError), nil
}

// hex4 reads four hexadecimal digits at pos.
func (s *jsonScanner) hex4(pos int) (r rune, ok bool) {
	if len(s.in)-pos < 4 {
		return 0, false
	}
	for _, b := range s.in[pos : pos+4] {
		switch {
		case b-'0' <= 9:
			r = r<<4 | rune(b-'0')
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			r = r<<4 | rune(b|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
