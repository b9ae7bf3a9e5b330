package javajson

import (
	"bytes"
	"fmt"
)

// Member returns the value of a member of the object b as it stands there, nil if it has
// none of that name; the value is a part of b. Its brackets match and it nests at most 64
// levels deep; nothing else is checked, so that maps whose keys are objects can be passed
// on to Java peers. It fails with ErrSyntax where b's brackets do not match or it is no object.
func Member(b []byte, name string) ([]byte, error) {
	var (
		stack  [maxDepth / 8]byte
		depth  int
		key    []byte // of the member that is being read, of the outermost object
		text   []byte // the last string of it
		begin  = -1   // of the value that is asked for
		value  []byte
		closed bool // the object has ended
	)
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case depth == 0 && c != '{' && c != '}' && c != ']' || c == '{' && closed:
			if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
				return nil, fmt.Errorf("%w: unexpected %q at byte %d", ErrSyntax, c, i)
			}
		case c == '"':
			end := skipString(b, i)
			if end >= len(b) {
				return nil, fmt.Errorf("%w: a string is still open after %d bytes", ErrSyntax, len(b))
			}
			if depth == 1 {
				text = b[i+1 : end]
			}
			i = end
		case c == '{' || c == '[':
			if depth == maxDepth {
				return nil, fmt.Errorf("%w: unexpected %q at byte %d", ErrSyntax, c, i)
			}
			push(&stack, depth, c)
			depth++
		case c == '}' || c == ']':
			if depth == 0 || isObject(&stack, depth-1) != (c == '}') {
				return nil, fmt.Errorf("%w: unexpected %q at byte %d", ErrSyntax, c, i)
			}
			if depth--; depth == 0 {
				closed = true
				if begin >= 0 && value == nil {
					value = bytes.TrimSpace(b[begin:i])
				}
			}
		case depth == 1 && c == ':' && key == nil:
			if key = text; string(key) == name && value == nil {
				begin = i + 1
			}
		case depth == 1 && c == ',':
			if key, text = nil, nil; begin >= 0 && value == nil {
				value = bytes.TrimSpace(b[begin:i])
			}
		}
	}
	if depth != 0 {
		return nil, fmt.Errorf("%w: %d levels are still open after %d bytes", ErrSyntax, depth, len(b))
	}
	return value, nil
}
