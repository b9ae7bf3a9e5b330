package remoting

// skip skips any value; depth says how many values it is in.
func (s *jsonScanner) skip(depth int) error {
	if depth > maxDepth {
		return s.bad("values nested less deep")
	}
	switch b := s.peek(); b {
	case '"':
		return s.skipString()
	case '{', '[':
		s.pos++
		return s.skipElements(b+2, depth) // '}' and ']' come two behind their partners
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

// skipElements skips the rest of an object or array.
func (s *jsonScanner) skipElements(closing byte, depth int) error {
	for first := true; ; first = false {
		more, err := s.next(closing, first)
		if err != nil || !more {
			return err
		}
		if closing == '}' {
			if err := s.skipString(); err != nil {
				return err
			}
			if err := s.expect(':'); err != nil {
				return err
			}
		}
		if err := s.skip(depth + 1); err != nil {
			return err
		}
	}
}

// skipString skips a string and checks its escapes.
func (s *jsonScanner) skipString() error {
	if err := s.expect('"'); err != nil {
		return err
	}
	var buf [8]byte // one escape's worth
	for {
		rest := s.in[s.pos:]
		n := plain(rest)
		s.pos += n
		if n == len(rest) {
			return s.bad("the end of a string")
		}
		s.pos++
		if rest[n] == '"' {
			return nil
		}
		if _, err := s.escape(buf[:0]); err != nil {
			return err
		}
	}
}

// literal skips word.
func (s *jsonScanner) literal(word string) error {
	if len(s.in)-s.pos < len(word) || string(s.in[s.pos:s.pos+len(word)]) != word {
		return s.bad(word)
	}
	s.pos += len(word)
	return nil
}
