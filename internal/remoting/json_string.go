package remoting

import (
	"unicode/utf16"
	"unicode/utf8"
)

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
