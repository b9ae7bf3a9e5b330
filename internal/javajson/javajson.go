// Package javajson reads the JSON that RocketMQ's Java side (fastjson) writes,
// which is not always JSON: maps with integer keys have them without quotes, as
// in {0:5}. Standard parsers read it after QuoteKeys.
//
// It is pure: bytes in, bytes out. What a body means is for those who ask for
// it. Maps whose keys are objects are not made standard JSON here.
package javajson

import (
	"errors"
	"fmt"
)

// maxDepth bounds the nesting of JSON from peers; RocketMQ's bodies have less
// than ten levels.
const maxDepth = 64

// ErrSyntax is the cause of every refused text.
var ErrSyntax = errors.New("javajson: bad JSON")

// QuoteKeys makes standard JSON of the JSON that Java peers (fastjson) write,
// in which maps with integer keys look like {0:"192.0.2.1:10911"}: it puts such
// keys in quotes and leaves all else as it is. It returns b itself if there is
// nothing to do. It fails with ErrSyntax if b nests deeper than 64 levels or its
// brackets do not match; other mistakes are left for the parser to find.
func QuoteKeys(b []byte) ([]byte, error) {
	var (
		out    []byte
		copied int                // b[:copied] is in out
		stack  [maxDepth / 8]byte // bit set: object, clear: array
		depth  int
		key    bool // a key may start here
	)
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case c == '"':
			i = skipString(b, i)
			key = false
		case c == '{' || c == '[':
			if depth == maxDepth {
				return nil, fmt.Errorf("%w: more than %d levels at byte %d", ErrSyntax, maxDepth, i)
			}
			key = push(&stack, depth, c)
			depth++
		case c == '}' || c == ']':
			if depth == 0 || isObject(&stack, depth-1) != (c == '}') {
				return nil, fmt.Errorf("%w: unexpected %q at byte %d", ErrSyntax, c, i)
			}
			depth--
			key = false
		case c == ',':
			key = depth > 0 && isObject(&stack, depth-1)
		case key && (c == '-' || '0' <= c && c <= '9'):
			end := skipInteger(b, i)
			out = append(out, b[copied:i]...)
			out = append(append(append(out, '"'), b[i:end]...), '"')
			copied, i, key = end, end-1, false
		default:
			key = false
		}
	}
	if depth != 0 {
		return nil, fmt.Errorf("%w: %d levels are still open after %d bytes", ErrSyntax, depth, len(b))
	}
	if out == nil {
		return b, nil
	}
	return append(out, b[copied:]...), nil
}

func push(stack *[maxDepth / 8]byte, depth int, c byte) (object bool) {
	bit := byte(1) << (depth % 8)
	if c == '{' {
		stack[depth/8] |= bit
		return true
	}
	stack[depth/8] &^= bit
	return false
}

func isObject(stack *[maxDepth / 8]byte, level int) bool {
	return stack[level/8]>>(level%8)&1 == 1
}

// skipString returns the index of the quote that ends the string at i, or
// len(b) if none does.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return i
}

// skipInteger returns the index behind the digits and sign at i.
func skipInteger(b []byte, i int) int {
	for i++; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
	}
	return i
}
