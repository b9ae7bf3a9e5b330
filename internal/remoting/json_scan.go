package remoting

import "fmt"

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
		b := s.in[s.pos]
		if b > ' ' || b != ' ' && b != '\n' && b != '\r' && b != '\t' {
			return b
		}
		s.pos++
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
