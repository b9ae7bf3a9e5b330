// Package line is how the tests and the client agents talk: one event is one
// line of text, `@verb key=value key=value`, every value percent-encoded.
//
// The agents are programs around unmodified RocketMQ clients, in Java and in
// Go. What such a client prints goes elsewhere: a long event is written in parts.
package line

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A Line is one command to an agent or one event from it.
type Line struct {
	Verb   string
	Values map[string]string
}

// New makes a line from a verb and pairs of key and value; the values may be
// anything that package fmt prints.
func New(verb string, pairs ...any) Line {
	l := Line{Verb: verb, Values: make(map[string]string, len(pairs)/2)}
	for i := 0; i+1 < len(pairs); i += 2 {
		l.Values[fmt.Sprint(pairs[i])] = fmt.Sprint(pairs[i+1])
	}
	return l
}

// Parse reads one line without its line end. It reports false for a line that
// is not of this form, which is then some program's own output.
func Parse(s string) (Line, bool) {
	if !strings.HasPrefix(s, "@") {
		return Line{}, false
	}
	words := strings.Fields(s[1:])
	if len(words) == 0 {
		return Line{}, false
	}
	l := Line{Verb: words[0], Values: make(map[string]string, len(words)-1)}
	for _, w := range words[1:] {
		key, coded, ok := strings.Cut(w, "=")
		value, err := url.QueryUnescape(coded)
		if !ok || err != nil {
			return Line{}, false
		}
		l.Values[key] = value
	}
	return l, true
}

// String is the form that Parse reads, keys in order.
func (l Line) String() string {
	var b strings.Builder
	b.WriteString("@" + l.Verb)
	for _, key := range slices.Sorted(maps.Keys(l.Values)) {
		b.WriteString(" " + key + "=" + url.QueryEscape(l.Values[key]))
	}
	return b.String()
}

// Get returns a value, or "" where there is none.
func (l Line) Get(key string) string { return l.Values[key] }

// Int64 returns a value as a number, and 0 for one that is missing or no
// number: the agents are ours, and what they report is checked anyway.
func (l Line) Int64(key string) int64 {
	n, err := strconv.ParseInt(l.Values[key], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Or returns a value, or def where there is none.
func (l Line) Or(key, def string) string {
	if v, ok := l.Values[key]; ok {
		return v
	}
	return def
}

// EncodeMap and DecodeMap carry a whole map in one value.
func EncodeMap(m map[string]string) string {
	words := make([]string, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		words = append(words, url.QueryEscape(key)+"="+url.QueryEscape(m[key]))
	}
	return strings.Join(words, "&")
}

// DecodeMap reads what EncodeMap wrote; it fails on a bad escape.
func DecodeMap(s string) (map[string]string, error) {
	m := map[string]string{}
	for word := range strings.SplitSeq(s, "&") {
		if word == "" {
			continue
		}
		k, v, _ := strings.Cut(word, "=")
		key, err := url.QueryUnescape(k)
		if err != nil {
			return nil, fmt.Errorf("line: key %q: %w", k, err)
		}
		if m[key], err = url.QueryUnescape(v); err != nil {
			return nil, fmt.Errorf("line: value %q: %w", v, err)
		}
	}
	return m, nil
}
