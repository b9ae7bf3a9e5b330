package acl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A kind is what a node is.
type kind uint8

const (
	null kind = iota // nothing, ~ or null
	scalar
	list
	mapping
)

// A node is a value of a file.
type node struct {
	line  int // counted from 1
	kind  kind
	text  string  // of a scalar
	plain bool    // the scalar has no quotes, so YAML may take it for a number or the like
	items []*node // of a list
	keys  []entry // of a mapping, in their order
}

// An entry is one of a mapping.
type entry struct {
	name  string
	line  int
	value *node
}

// maxKeys is how many entries a mapping may have.
const maxKeys = 16

// maxComplaints is how many of one file are listed.
const maxComplaints = 20

// complaints are what is wrong with a file, by line.
type complaints struct{ errs []error }

func (c *complaints) add(line int, format string, args ...any) {
	if len(c.errs) == maxComplaints {
		c.errs = append(c.errs, errors.New("and more"))
	}
	if len(c.errs) < maxComplaints {
		c.errs = append(c.errs, fmt.Errorf("line %d: "+format, append([]any{line}, args...)...))
	}
}

// A line is one that holds something.
type line struct {
	number int
	indent int    // blanks before text
	text   string // without its indent; a comment may follow
}

// A yamlReader reads what people, Apache's own tool and ours write: mappings and lists
// in blocks, text with or without quotes on one line, lists of text in brackets, comments.
// What else YAML has is refused with its line: a file that says who gets in must not be
// read in a way that its author did not think of.
type yamlReader struct {
	lines []line
	at    int
	wrong complaints
}

// readYAML reads a file. If something is wrong with it the complaints are complete, as far as
// it could be read at all.
func readYAML(b []byte) (*node, []error) {
	var r yamlReader
	r.split(string(b))
	if len(r.wrong.errs) > 0 {
		return nil, r.wrong.errs
	}
	if len(r.lines) == 0 {
		return &node{line: 1}, nil
	}
	n := r.block(r.lines[0].indent, 0)
	for ; r.at < len(r.lines); r.at++ {
		l := &r.lines[r.at]
		r.wrong.add(l.number, "it is indented by %d, which none of the lines around it is", l.indent)
	}
	return n, r.wrong.errs
}

// split finds the lines that hold something.
func (r *yamlReader) split(s string) {
	number := 0
	for text := range strings.SplitSeq(strings.TrimPrefix(s, "\ufeff"), "\n") {
		number++
		text = strings.TrimRight(strings.TrimSuffix(text, "\r"), " ")
		body := strings.TrimLeft(text, " ")
		switch {
		case body == "" || body[0] == '#':
			continue
		case !utf8.ValidString(text):
			r.wrong.add(number, "it is not UTF-8")
			continue
		case strings.ContainsFunc(text, unprintable):
			r.wrong.add(number, "it has a tab or another control character; indent with blanks")
			continue
		case body == "---" && len(r.lines) == 0:
			continue
		case strings.HasPrefix(text, "---") || strings.HasPrefix(text, "...") || text[0] == '%':
			r.wrong.add(number, "want one document and no directives")
			continue
		}
		r.lines = append(r.lines, line{number, len(text) - len(body), body})
	}
}

// unprintable says whether c may be nowhere in a file: it would be hard to see, and some
// of these end a line of YAML.
func unprintable(c rune) bool {
	return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || c == '\ufeff'
}

// block reads the lines from here on that are indented by indent, and what is below them.
func (r *yamlReader) block(indent, depth int) *node {
	l := &r.lines[r.at]
	if depth > 8 {
		r.wrong.add(l.number, "it is nested deeper than anything in such a file")
		r.at = len(r.lines)
		return &node{line: l.number}
	}
	if isItem(l.text) {
		return r.list(indent, depth)
	}
	return r.mapping(indent, depth)
}

// isItem says whether text begins an item of a list.
func isItem(text string) bool { return text == "-" || strings.HasPrefix(text, "- ") }

func (r *yamlReader) list(indent, depth int) *node {
	n := &node{line: r.lines[r.at].number, kind: list}
	for r.at < len(r.lines) {
		l := &r.lines[r.at]
		if l.indent != indent || !isItem(l.text) {
			break
		}
		rest := strings.TrimLeft(l.text[1:], " ")
		switch {
		case rest == "" || rest[0] == '#':
			r.at++
			n.items = append(n.items, r.below(l.number, indent+1, depth))
		case isItem(rest):
			r.wrong.add(l.number, "a list in a list")
			r.skip(indent)
		case isEntry(rest):
			// What follows the dash is the first line of a block of its own.
			l.indent += len(l.text) - len(rest)
			l.text = rest
			n.items = append(n.items, r.mapping(l.indent, depth+1))
		default:
			n.items = append(n.items, r.value(l.number, rest))
			r.at++
			r.noMore(indent)
		}
	}
	return n
}

func (r *yamlReader) mapping(indent, depth int) *node {
	n := &node{line: r.lines[r.at].number, kind: mapping}
	for r.at < len(r.lines) {
		l := &r.lines[r.at]
		if l.indent != indent || isItem(l.text) {
			break
		}
		name, rest, ok := r.name(l)
		if !ok {
			r.skip(indent)
			continue
		}
		if len(n.keys) == maxKeys {
			r.wrong.add(l.number, "it has more than %d names here, which nothing in such a file has", maxKeys)
			r.skip(indent)
			continue
		}
		for _, e := range n.keys {
			if e.name == name {
				r.wrong.add(l.number, "%s is there twice, in line %d too", name, e.line)
			}
		}
		e := entry{name: name, line: l.number}
		r.at++
		if rest == "" || rest[0] == '#' {
			e.value = r.below(l.number, indent+1, depth)
			// A list may be indented as its name is.
			if e.value.kind == null && r.at < len(r.lines) && r.lines[r.at].indent == indent && isItem(r.lines[r.at].text) {
				e.value = r.list(indent, depth+1)
			}
		} else {
			e.value = r.value(l.number, rest)
			r.noMore(indent)
		}
		n.keys = append(n.keys, e)
	}
	return n
}

// below reads the block from here on if it is indented by least or more; else there is
// nothing.
func (r *yamlReader) below(number, least, depth int) *node {
	if r.at < len(r.lines) && r.lines[r.at].indent >= least {
		n := r.block(r.lines[r.at].indent, depth+1)
		r.noMore(least - 1)
		return n
	}
	return &node{line: number}
}

// noMore complains about lines from here on that are indented by more than indent.
func (r *yamlReader) noMore(indent int) {
	if r.at < len(r.lines) && r.lines[r.at].indent > indent {
		r.wrong.add(r.lines[r.at].number, "it is indented by %d, but belongs to nothing above it; a text has one line", r.lines[r.at].indent)
		for r.at < len(r.lines) && r.lines[r.at].indent > indent {
			r.at++
		}
	}
}

// skip passes over this line and what is below it.
func (r *yamlReader) skip(indent int) {
	r.at++
	for r.at < len(r.lines) && r.lines[r.at].indent > indent {
		r.at++
	}
}

// isEntry says whether text begins with a name and a colon.
func isEntry(text string) bool {
	if text[0] == '"' || text[0] == '\'' || text[0] == '[' {
		return false // no name is in quotes
	}
	name, _, _ := strings.Cut(text, " #")
	return strings.Contains(name, ": ") || strings.HasSuffix(name, ":")
}

// name reads the name that begins l, and returns what is behind its colon.
func (r *yamlReader) name(l *line) (name, rest string, ok bool) {
	end := 0
	for end < len(l.text) && isLetter(l.text[end]) {
		end++
	}
	if end == 0 || end == len(l.text) || l.text[end] != ':' || end+1 < len(l.text) && l.text[end+1] != ' ' {
		r.wrong.add(l.number, "want a name, a colon and a blank, as in admin: false")
		return "", "", false
	}
	return l.text[:end], strings.TrimLeft(l.text[end+1:], " "), true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// value reads what one line holds behind a name or a dash.
func (r *yamlReader) value(number int, s string) *node {
	if s[0] != '[' {
		n, rest := r.scalar(number, s, false)
		r.comment(number, rest)
		return n
	}
	n := &node{line: number, kind: list}
	s = strings.TrimLeft(s[1:], " ")
	for s != "" && s[0] != ']' {
		var item *node
		item, s = r.scalar(number, s, true)
		n.items = append(n.items, item)
		s = strings.TrimLeft(s, " ")
		if s != "" && s[0] == ',' {
			s = strings.TrimLeft(s[1:], " ")
		} else if s != "" && s[0] != ']' {
			break
		}
	}
	if s == "" || s[0] != ']' {
		r.wrong.add(number, "a list in brackets needs commas between its texts, and to end in its line")
		return n
	}
	r.comment(number, s[1:])
	return n
}

// comment complains about what is behind a value and is no comment.
func (r *yamlReader) comment(number int, s string) {
	if t := strings.TrimLeft(s, " "); t != "" && (t[0] != '#' || len(t) == len(s)) {
		r.wrong.add(number, "something follows the value; put it in quotes if it belongs there")
	}
}

// scalar reads a text at the front of s, which is not empty, and returns the rest.
func (r *yamlReader) scalar(number int, s string, inList bool) (*node, string) {
	n := &node{line: number, kind: scalar}
	switch s[0] {
	case '\'':
		text, rest, ok := singleQuoted(s[1:])
		if !ok {
			r.wrong.add(number, "a quote is not closed in its line")
		}
		n.text = text
		return n, rest
	case '"':
		text, rest, err := doubleQuoted(s[1:])
		if err != nil {
			r.wrong.add(number, "%v", err)
		}
		n.text = text
		return n, rest
	}
	end := len(s)
	if i := strings.Index(s, " #"); i >= 0 {
		end = i
	}
	if i := strings.IndexAny(s[:end], ",[]{}"); inList && i >= 0 {
		end = i
	}
	n.plain, n.text = true, strings.TrimRight(s[:end], " ")
	switch {
	case strings.ContainsRune("&*!|>%@`{}[],#", rune(s[0])):
		r.wrong.add(number, "%q means something else in YAML than itself: put the text in quotes", s[0])
	case (s[0] == '-' || s[0] == '?' || s[0] == ':') && (len(s) == 1 || s[1] == ' '),
		strings.Contains(n.text, ": ") || strings.HasSuffix(n.text, ":"):
		r.wrong.add(number, "it reads as a list or a name within a text: put the text in quotes")
	case n.text == "~" || n.text == "null" || n.text == "Null" || n.text == "NULL":
		n.kind = null
	}
	return n, s[end:]
}

// singleQuoted reads a text up to its closing quote; two quotes are one.
func singleQuoted(s string) (text, rest string, ok bool) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\'')
		if i < 0 {
			return "", "", false
		}
		b.WriteString(s[:i])
		if s = s[i+1:]; s == "" || s[0] != '\'' {
			return b.String(), s, true
		}
		b.WriteByte('\'')
		s = s[1:]
	}
}

// doubleQuoted reads a text with escapes up to its closing quote.
func doubleQuoted(s string) (text, rest string, err error) {
	var b strings.Builder
	for s != "" {
		c := s[0]
		s = s[1:]
		if c == '"' {
			return b.String(), s, nil
		}
		if c != '\\' {
			b.WriteByte(c)
			continue
		}
		if s == "" {
			break
		}
		digits := 0
		switch c, s = s[0], s[1:]; c {
		case '"', '\\', '/', ' ':
			b.WriteByte(c)
		case 'x':
			digits = 2
		case 'u':
			digits = 4
		case 'U':
			digits = 8
		default:
			return "", "", fmt.Errorf(`\%c is no escape of a character that may be here`, c)
		}
		if digits == 0 {
			continue
		}
		v, err := strconv.ParseUint(s[:min(digits, len(s))], 16, 32)
		if err != nil || len(s) < digits || v > unicode.MaxRune || !utf8.ValidRune(rune(v)) || unprintable(rune(v)) {
			return "", "", errors.New("an escape is no character that may be here")
		}
		b.WriteRune(rune(v))
		s = s[digits:]
	}
	return "", "", errors.New("a quote is not closed in its line")
}

// isTyped says whether YAML takes text without quotes for a number, a date or a truth,
// in one of its versions: what then comes of it is not what is written there. Whole decimal numbers
// are what they look like.
func isTyped(s string) bool {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "true", "false", "on", "off", "=", "<<", ".inf", "+.inf", "-.inf", ".nan":
		return true
	}
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" {
		return false
	}
	if isDecimal(digits) && s[0] != '+' {
		return false
	}
	if digits[0] == '0' && len(digits) > 1 && digits[1]|0x20 == 'x' || digits[0] == '0' && len(digits) > 1 && digits[1]|0x20 == 'b' || digits[0] == '0' && len(digits) > 1 && digits[1]|0x20 == 'o' {
		return strings.Trim(digits[2:], "0123456789abcdefABCDEF_") == ""
	}
	if len(digits) > 5 && isDigits(digits[:4]) && digits[4] == '-' {
		return true // a date
	}
	number := strings.TrimLeft(digits, "0123456789_:.")
	mantissa := digits[:len(digits)-len(number)]
	if !strings.ContainsAny(mantissa, "0123456789") || strings.Count(mantissa, ".") > 1 || strings.Contains(mantissa, "::") {
		return false
	}
	if number == "" {
		return true
	}
	return number[0]|0x20 == 'e' && isDigits(strings.TrimLeft(number[1:], "+-"))
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// isDecimal says whether s is a whole number without zeros in front.
func isDecimal(s string) bool { return isDigits(s) && (s[0] != '0' || len(s) == 1) }
