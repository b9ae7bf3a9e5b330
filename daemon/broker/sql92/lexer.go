package sql92

import (
	"fmt"
	"strings"
)

// A tokenKind is a kind of token; those of one character are that character.
type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokBad           // no token begins there
	tokNot
	tokAnd
	tokOr
	tokBetween
	tokIn
	tokTrue
	tokFalse
	tokNull
	tokIs
	tokContains
	tokStartsWith
	tokEndsWith
	tokInteger
	tokFloat
	tokString
	tokName
	tokNotEqual
	tokGreaterEqual
	tokLessEqual
)

// A token is the smallest piece with a meaning.
type token struct {
	kind tokenKind
	text string // as written
	at   int    // byte of the expression
	err  error  // of tokBad
}

// A lexer cuts an expression into tokens, the longest that each place allows.
type lexer struct {
	text    string
	at      int
	lastRow bool // no line ends behind at, so that -- begins no comment
}

// token returns the next one.
func (l *lexer) token() token {
	for l.skip() {
	}
	from := l.at
	if from == len(l.text) {
		return token{kind: tokEnd, at: from}
	}
	kind := l.scan()
	if kind == tokBad {
		return token{kind: tokBad, at: from, err: fmt.Errorf("%w: no token begins at byte %d: %.20q", ErrExpression, from, l.text[from:])}
	}
	return token{kind: kind, text: l.text[from:l.at], at: from}
}

// skip passes over one blank or comment; it says whether there was one. A line
// comment needs the end of its line: without, it is two signs.
func (l *lexer) skip() bool {
	rest := l.text[l.at:]
	switch {
	case rest == "":
		return false
	case strings.IndexByte(" \t\n\r\f", rest[0]) >= 0:
		l.at++
		return true
	case strings.HasPrefix(rest, "--") && !l.lastRow:
		end := strings.IndexAny(rest, "\r\n")
		if end < 0 {
			l.lastRow = true
			return false
		}
		l.at += end
		return true
	case strings.HasPrefix(rest, "/*"):
		end := strings.Index(rest[2:], "*/")
		if end < 0 {
			return false
		}
		l.at += end + 4
		return true
	}
	return false
}

// scan passes over one token, which begins at l.at, and returns its kind.
func (l *lexer) scan() tokenKind {
	c := l.text[l.at]
	switch {
	case c == '\'':
		return l.scanString()
	case isDigit(c), c == '.':
		return l.scanNumber()
	case isLetter(c):
		return l.scanName()
	}
	l.at++
	switch c {
	case '<', '>':
		return l.scanOrder(c)
	case '=', '(', ')', ',', '+', '-':
		return tokenKind(c)
	}
	return tokBad
}

func (l *lexer) scanOrder(c byte) tokenKind {
	second := byte(0)
	if l.at < len(l.text) {
		second = l.text[l.at]
	}
	switch {
	case c == '<' && second == '>':
		l.at++
		return tokNotEqual
	case c == '<' && second == '=':
		l.at++
		return tokLessEqual
	case c == '>' && second == '=':
		l.at++
		return tokGreaterEqual
	}
	return tokenKind(c)
}

// scanString passes over a text in quotes, in which two quotes stand for one.
func (l *lexer) scanString() tokenKind {
	for at := l.at + 1; ; at += 2 {
		end := strings.IndexByte(l.text[at:], '\'')
		if end < 0 {
			return tokBad
		}
		at += end
		if at+1 == len(l.text) || l.text[at+1] != '\'' {
			l.at = at + 1
			return tokString
		}
	}
}

// scanNumber passes over 0, 12, 12L, 1.5, 1., .5, 1e5 and 1.5E-5. A zero in
// front of other digits is a number of its own, unless a fraction follows.
func (l *lexer) scanNumber() tokenKind {
	whole := l.digits(l.at)
	end, float := whole, false
	if whole < len(l.text) && l.text[whole] == '.' {
		end = l.digits(whole + 1)
		float = end-l.at > 1 // a point alone is nothing
		if !float {
			return tokBad
		}
	}
	if e := l.exponent(end); e > end {
		end, float = e, true
	}
	switch {
	case float:
		l.at = end
		return tokFloat
	case l.text[l.at] == '0':
		l.at++
	default:
		l.at = whole
		if whole < len(l.text) && (l.text[whole] == 'l' || l.text[whole] == 'L') {
			l.at++
		}
	}
	return tokInteger
}

// digits returns where the digits end that begin at at.
func (l *lexer) digits(at int) int {
	for at < len(l.text) && isDigit(l.text[at]) {
		at++
	}
	return at
}

// exponent returns where the exponent ends that begins at at; at if none does.
func (l *lexer) exponent(at int) int {
	if at == len(l.text) || l.text[at] != 'e' && l.text[at] != 'E' {
		return at
	}
	from := at + 1
	if from < len(l.text) && (l.text[from] == '+' || l.text[from] == '-') {
		from++
	}
	if end := l.digits(from); end > from {
		return end
	}
	return at
}

// scanName passes over a keyword or the name of a property.
func (l *lexer) scanName() tokenKind {
	from := l.at
	for l.at < len(l.text) && (isLetter(l.text[l.at]) || isDigit(l.text[l.at])) {
		l.at++
	}
	return keyword(l.text[from:l.at])
}

// keyword returns the kind of a word: keywords are so in any case of letters.
func keyword(word string) tokenKind {
	if len(word) > len("STARTSWITH") {
		return tokName
	}
	switch strings.ToUpper(word) {
	case "NOT":
		return tokNot
	case "AND":
		return tokAnd
	case "OR":
		return tokOr
	case "BETWEEN":
		return tokBetween
	case "IN":
		return tokIn
	case "TRUE":
		return tokTrue
	case "FALSE":
		return tokFalse
	case "NULL":
		return tokNull
	case "IS":
		return tokIs
	case "CONTAINS":
		return tokContains
	case "STARTSWITH":
		return tokStartsWith
	case "ENDSWITH":
		return tokEndsWith
	}
	return tokName
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$'
}
