package record

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// Names of properties that the broker itself reads or writes.
const (
	PropertyTags    = "TAGS"
	PropertyKeys    = "KEYS"
	PropertyUniqKey = "UNIQ_KEY"
)

const (
	nameSeparator     = 0x01
	propertySeparator = 0x02
)

// ErrProperties means that a client's properties text is malformed.
var ErrProperties = errors.New("record: malformed properties")

// Property returns the value of the last property called name.
//
// Properties are text: name 0x01 value, joined by 0x02, UTF-8, nothing escaped.
// 4.9.7 puts no 0x02 behind the last, 5.x does; names repeat. As in Java's
// decoder an entry without a name or without a value does not count, and what
// follows the first 0x01 is the value.
func Property(props, name string) (value string, ok bool) {
	from, to, ok := findProperty(props, name)
	return props[from:to], ok
}

// PropertyOf is Property of a text that is not a string; the value aliases it.
func PropertyOf(props []byte, name string) (value []byte, ok bool) {
	from, to, ok := findProperty(text(props), name)
	return props[from:to:to], ok
}

// findProperty returns where the value of the last property called name is.
func findProperty(props, name string) (from, to int, ok bool) {
	for at := 0; at < len(props); {
		end := entryEnd(props, at)
		if name != "" && hasValue(props[at:end], name) {
			from, to, ok = at+len(name)+1, end, true
		}
		at = end + 1
	}
	return from, to, ok
}

// entryEnd returns where the entry at ends: at a separator or with props.
func entryEnd(props string, at int) int {
	if n := strings.IndexByte(props[at:], propertySeparator); n >= 0 {
		return at + n
	}
	return len(props)
}

func isNamed(entry, name string) bool {
	return len(entry) > len(name) && entry[len(name)] == nameSeparator && entry[:len(name)] == name
}

// hasValue says whether entry is a property called name that counts.
func hasValue(entry, name string) bool { return len(entry) > len(name)+1 && isNamed(entry, name) }

// EachProperty yields names and values in the order of the text, repeated ones
// too; entries that Java's decoder drops are left out.
func EachProperty(props string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for at := 0; at < len(props); {
			end := entryEnd(props, at)
			name, value, _ := strings.Cut(props[at:end], "\x01")
			if name != "" && value != "" && !yield(name, value) {
				return
			}
			at = end + 1
		}
	}
}

// AppendProperty returns props with one more property at its end, separated
// whether or not props ends in a separator, and without one behind it (4.9.7's
// form). Neither name nor value may contain 0x01 or 0x02.
func AppendProperty(props, name, value string) string {
	if props == "" || props[len(props)-1] == propertySeparator {
		return props + name + "\x01" + value
	}
	return props + "\x02" + name + "\x01" + value
}

// RemoveProperty returns props without the properties called name. A separator
// at the end stays if anything is left before it.
func RemoveProperty(props, name string) string {
	var kept strings.Builder
	from := 0 // of what is not yet kept
	for at := 0; at < len(props); {
		end := entryEnd(props, at)
		next := min(end+1, len(props))
		if isNamed(props[at:end], name) {
			if kept.Len() == 0 && at > 0 {
				kept.Grow(len(props))
			}
			kept.WriteString(props[from:at])
			from = next
		}
		at = next
	}
	switch {
	case from == 0:
		return props
	case kept.Len() == 0:
		return props[from:]
	}
	kept.WriteString(props[from:])
	out := kept.String()
	if props[len(props)-1] != propertySeparator {
		out = strings.TrimSuffix(out, "\x02") // the last entry went, its separator stayed
	}
	return out
}

// CheckProperties fails with ErrProperties if props is nothing that a RocketMQ
// client writes: too long, not UTF-8, or with an entry that has no name or no
// 0x01, as a text cut off has. Java's broker would drop such an entry without a
// word. An empty value is let through, and dropped by whoever reads it.
func CheckProperties(props string) error {
	if len(props) > MaxProperties {
		return fmt.Errorf("%w: %d bytes, at most %d fit", ErrProperties, len(props), MaxProperties)
	}
	if !utf8.ValidString(props) {
		return fmt.Errorf("%w: not UTF-8", ErrProperties)
	}
	for at := 0; at < len(props); {
		end := entryEnd(props, at)
		if name := strings.IndexByte(props[at:end], nameSeparator); name <= 0 && end > at {
			return fmt.Errorf("%w: the entry %q at byte %d is no name and value", ErrProperties, clip(props[at:end]), at)
		}
		at = end + 1
	}
	return nil
}

// clip keeps an error message readable whatever a client sent.
func clip(s string) string { return s[:min(len(s), 40)] }
