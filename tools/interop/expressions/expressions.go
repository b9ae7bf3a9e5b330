// Package expressions makes up SQL92 filter expressions, right and wrong ones,
// and the properties of messages to judge by them.
package expressions

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Case is an expression and the properties text of a message.
type Case struct{ Expression, Properties string }

// Cases makes n cases up; of one seed they are always the same.
func Cases(seed uint64, n int) []Case {
	m := maker{rand.New(rand.NewPCG(seed, 92))}
	cases := make([]Case, 0, n)
	for len(cases) < n {
		e := m.expression()
		for range 1 + m.IntN(3) {
			cases = append(cases, Case{e, m.properties()})
		}
	}
	return cases[:n]
}

type maker struct{ *rand.Rand }

func pick[T any](m maker, of ...T) T { return of[m.IntN(len(of))] }

// expression makes one up: by the grammar most of the time, then some that
// were changed in a few places, and tokens in any order.
func (m maker) expression() string {
	switch n := m.IntN(20); {
	case n < 13:
		return m.or(3)
	case n < 17:
		return m.changed(m.or(2))
	}
	var soup strings.Builder
	for range 1 + m.IntN(7) {
		soup.WriteString(m.token() + m.blank())
	}
	return soup.String()
}

// changed drops, doubles and replaces characters.
func (m maker) changed(s string) string {
	runes := []rune(s)
	for range 1 + m.IntN(3) {
		if len(runes) == 0 {
			break
		}
		at := m.IntN(len(runes))
		switch m.IntN(4) {
		case 0:
			runes = append(runes[:at:at], runes[at+1:]...)
		case 1:
			runes = append(runes[:at+1:at+1], runes[at:]...)
		case 2:
			runes[at] = pick(m, []rune("'()-+.,=<>/*$_e0L# \n\t\v温")...)
		default:
			return string(runes[:at])
		}
	}
	return string(runes)
}

// blank is what may stand between two tokens.
func (m maker) blank() string {
	if m.IntN(8) > 0 {
		return " "
	}
	return pick(m, "  ", "\t", "\n", "\r\n", "\f", " /* c * / ** */ ", " -- c\n", " --\r")
}

// word writes a keyword in some case of letters.
func (m maker) word(keyword string) string {
	switch m.IntN(4) {
	case 0:
		return strings.ToLower(keyword)
	case 1:
		return keyword[:1] + strings.ToLower(keyword[1:])
	}
	return keyword
}

// join puts blanks between parts.
func (m maker) join(parts ...string) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteString(m.blank())
		}
		b.WriteString(p)
	}
	return b.String()
}

func (m maker) or(depth int) string {
	s := m.and(depth)
	for m.IntN(4) == 0 {
		s = m.join(s, m.word("OR"), m.and(depth))
	}
	return s
}

func (m maker) and(depth int) string {
	s := m.equality(depth)
	for m.IntN(3) == 0 {
		s = m.join(s, m.word("AND"), m.equality(depth))
	}
	return s
}

func (m maker) equality(depth int) string {
	s := m.comparison(depth)
	for m.IntN(9) == 0 {
		switch m.IntN(4) {
		case 0:
			s = m.join(s, "=", m.comparison(depth-1))
		case 1:
			s = m.join(s, "<>", m.comparison(depth-1))
		case 2:
			s = m.join(s, m.word("IS"), m.word("NULL"))
		case 3:
			s = m.join(s, m.word("IS"), m.word("NOT"), m.word("NULL"))
		}
	}
	return s
}

// comparison is one that is right, conditions in parentheses, or anything.
func (m maker) comparison(depth int) string {
	switch n := m.IntN(20); {
	case n < 12:
		return m.compared(m.name(), 0)
	case n < 15 && depth > 0:
		return m.join(pick(m, "", "", m.word("NOT")), "("+m.or(depth-1)+")")
	}
	s := m.unary(depth)
	if m.IntN(30) == 0 { // two in a row are rarely right
		s = m.compared(s, depth)
	}
	if m.IntN(4) > 0 {
		s = m.compared(s, depth)
	}
	return s
}

func (m maker) compared(s string, depth int) string {
	switch m.IntN(11) {
	case 0, 1, 2:
		return m.join(s, pick(m, ">", ">=", "<", "<="), m.operand(depth))
	case 3, 4:
		return m.join(s, pick(m, "=", "<>"), m.operand(depth))
	case 5:
		return m.join(s, m.negated(), m.word("BETWEEN"), m.operand(depth), m.word("AND"), m.operand(depth))
	case 6:
		list := m.text()
		for range m.IntN(pick(m, 3, 12)) {
			list += "," + m.text()
		}
		return m.join(s, m.negated(), m.word("IN"), "("+list+")")
	case 7:
		return m.join(s, m.negated(), m.word(pick(m, "CONTAINS", "STARTSWITH", "ENDSWITH")), m.text())
	case 8:
		return m.join(s, m.word("IS"), m.negated(), m.word("NULL"))
	}
	return m.join(s, "=", m.constant())
}

func (m maker) negated() string { return pick(m, "", "", m.word("NOT")) }

// operand is what usually stands right of a comparison.
func (m maker) operand(depth int) string {
	switch {
	case m.IntN(4) > 0:
		return m.number()
	case depth <= 0:
		return pick(m, "", "", "-", "+") + m.name()
	}
	return m.unary(depth - 1)
}

func (m maker) unary(depth int) string {
	switch m.IntN(14) {
	case 0:
		return "-" + m.primary(depth)
	case 1:
		return "+" + m.primary(depth)
	case 2:
		return m.join(m.word("NOT"), m.primary(depth))
	case 3:
		return pick(m, "- -", "--", "-+", "+ +") + m.primary(depth)
	}
	return m.primary(depth)
}

func (m maker) primary(depth int) string {
	switch n := m.IntN(12); {
	case n < 7:
		return m.name()
	case n < 9 && depth > 0:
		return "(" + m.or(depth-1) + ")"
	}
	return m.constant()
}

func (m maker) constant() string {
	switch m.IntN(8) {
	case 0:
		return m.word("TRUE")
	case 1:
		return m.word("FALSE")
	case 2:
		return pick(m, m.word("NULL"), m.text())
	case 3, 4:
		return m.text()
	}
	return m.number()
}

func (m maker) name() string {
	return pick(m, "a", "a", "a", "b", "b", "c", "A", "$x", "_y", "region", "not_", "TAGS", "e5", "L", "containsX", "is1")
}

// number is one of those that are right, most of the time.
func (m maker) number() string {
	if m.IntN(20) > 0 {
		return pick(m, "0", "1", "5", "5", "5", "7", "42", "-3", "5.0", "5.5", ".5", "5.", "0.1", "5L", "7l", "1e3", "5E-1", "1.5e+2", "2147483647", "2147483648",
			"-2147483648", "-2147483649", "9223372036854775807", "1.0", "4.9e-324", fmt.Sprint(m.IntN(1000)), fmt.Sprintf("%.2f", m.Float64()*10))
	}
	return pick(m, "0", "1", "5", "5", "5", "7", "42", "-3", "5.0", "5.5", ".5", "5.", "0.0", "0.1", "1e3", "5E-1", "1.5e+2", "5L", "7l",
		"00", "007", "0L", "5e", "5e+", "1e400", "1e-400", "1.8e308", "4.9e-324", "2e-324", "2147483647", "2147483648", "-2147483648", "-2147483649",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "9223372036854775807L", "0x1F", "017", "1.0f", "100000000000000000001.0",
		fmt.Sprint(m.IntN(1000)), fmt.Sprintf("%.2f", m.Float64()*10))
}

func (m maker) text() string {
	return pick(m, "'EU'", "'EU'", "'US'", "'abc'", "''", "'it''s'", "'5'", "'true'", "'TRUE'", "'a b'", "'温度'", "'--'", "'/*'", "''''", "'U'", "'b'", "'E'", "'c'")
}

func (m maker) token() string {
	return pick(m, m.name(), m.name(), m.number(), m.text(), m.constant(), "(", ")", ",", "=", "<>", ">", ">=", "<", "<=", "+", "-", "!=", "==", ";",
		m.word("NOT"), m.word("AND"), m.word("OR"), m.word("BETWEEN"), m.word("IN"), m.word("IS"), m.word("NULL"), m.word("CONTAINS"), m.word("STARTSWITH"),
		m.word("ENDSWITH"), "LIKE", "ESCAPE", "*", "/", "%", "\"x\"", "a.b", "a-b", "温度", "--", "/*")
}

// properties makes up a properties text, now and then one that no client writes.
func (m maker) properties() string {
	var b strings.Builder
	for range m.IntN(7) {
		name := pick(m, "a", "a", "b", "b", "c", "A", "$x", "_y", "region", "not_", "TAGS", "e5", "L", "a.b")
		b.WriteString(name + "\x01" + m.value() + "\x02")
	}
	s := b.String()
	switch m.IntN(12) {
	case 0:
		return strings.TrimSuffix(s, "\x02") // as 4.9.7's clients
	case 1:
		return s + pick(m, "a", "\x01", "\x01x", "a\x01", "\x02\x02", "a\x01b\x01c\x02", "a\x02\x015")
	}
	return s
}

func (m maker) value() string {
	return pick(m, "5", "5", "5", "7", "-3", "+5", "0", "-0", "5.5", "5.0", " 5 ", " 5.0\t", "5L", "5f", "5.5D", "1e3", "1E-2", ".5", "5.", "-.5e1", "abc", "",
		"true", "TRUE", "False", "EU", "US", "it's", "a b", "温度", "2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807",
		"9223372036854775808", "-9223372036854775808", "-9223372036854775809", "NaN", "-NaN", "Infinity", "-Infinity", "nan", "0x1p3", "0x1P3f", "0x10",
		"1e400", "-1e400", "1e-400", "0.0", "-0.0", "٣", "５", "-৪", "𝟓", "１２", "+", "-", "--5", "1_000", "1e", "1e5e", ".", "5 5", "'", "null", "\x03", "1e5f", "1fd",
		fmt.Sprint(m.IntN(1000)), fmt.Sprintf("%.2f", m.Float64()*10))
}
