package main

import (
	"encoding/json"
	"errors"
	"fmt"
)

// errRawKeys is the cause when a body is not nested as JSON is.
var errRawKeys = errors.New("brackets do not match")

// maxNesting is deeper than any body of a broker.
const maxNesting = 32

// quoteObjectKeys makes standard JSON of the JSON that Java peers write for
// maps whose keys are queues, {{"queueId":0,"topic":"T"}:5}: such a key becomes
// a string that holds the object. Everything else stays as it is. It fails
// with errRawKeys; other mistakes are for the parser to find.
func quoteObjectKeys(b []byte) ([]byte, error) {
	out := make([]byte, 0, len(b)+len(b)/4)
	stack := make([]byte, 0, maxNesting)
	key := false // here a key of an object may begin
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '{' && key:
			end, err := objectEnd(b, i)
			if err != nil {
				return nil, err
			}
			text, err := json.Marshal(string(b[i:end]))
			if err != nil {
				return nil, err
			}
			out, i, key = append(out, text...), end, false
			continue
		case c == '"':
			end := stringEnd(b, i)
			out, i, key = append(out, b[i:end]...), end, false
			continue
		case c == '{' || c == '[':
			if len(stack) == maxNesting {
				return nil, fmt.Errorf("%w: more than %d levels at byte %d", errRawKeys, maxNesting, i)
			}
			stack, key = append(stack, c), c == '{'
		case c == '}' || c == ']':
			if len(stack) == 0 || stack[len(stack)-1] != c-2 { // in ASCII, a bracket closes the one two before it
				return nil, fmt.Errorf("%w: unexpected %q at byte %d", errRawKeys, c, i)
			}
			stack, key = stack[:len(stack)-1], false
		case c == ',':
			key = len(stack) > 0 && stack[len(stack)-1] == '{'
		case c == ':':
			key = false
		}
		out = append(out, b[i])
		i++
	}
	if len(stack) > 0 {
		return nil, fmt.Errorf("%w: %d are open at the end", errRawKeys, len(stack))
	}
	return out, nil
}

// objectEnd returns the index behind the object that begins at i.
func objectEnd(b []byte, i int) (int, error) {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
			continue
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
		i++
	}
	return 0, fmt.Errorf("%w: an object is open at the end", errRawKeys)
}

// stringEnd returns the index behind the string that begins at i, or len(b).
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}
