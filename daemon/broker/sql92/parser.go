package sql92

import (
	"fmt"
	"strings"
)

// A parser makes an expression of tokens. After an error the token is tokBad,
// which no rule of the grammar takes, and nodes are none.
type parser struct {
	lexer
	tok     token // the next one
	e       *Expression
	slots   map[string]int32 // of e.names
	nesting int              // of rules that the rule in work is part of
	err     error
}

// none is what is returned for a node after an error.
const none int32 = -1

func (p *parser) advance() { p.tok = p.token() }

// fail notes why the text is no expression: the first reason counts.
func (p *parser) fail(format string, args ...any) int32 {
	if p.err == nil {
		p.err = fmt.Errorf("%w: at byte %d: %s", ErrExpression, p.tok.at, fmt.Sprintf(format, args...))
		if p.tok.kind == tokBad {
			p.err = p.tok.err
		}
	}
	p.tok = token{kind: tokBad, err: p.err}
	return none
}

// unexpected fails for the next token.
func (p *parser) unexpected(wanted string) int32 {
	if p.tok.kind == tokEnd {
		return p.fail("%s is missing", wanted)
	}
	return p.fail("%.40q stands where %s is expected", p.tok.text, wanted)
}

// take passes over the next token if it is of this kind.
func (p *parser) take(k tokenKind) bool {
	if p.tok.kind != k {
		return false
	}
	p.advance()
	return true
}

// expect passes over a token that has to be of this kind.
func (p *parser) expect(k tokenKind, what string) {
	if !p.take(k) {
		p.unexpected(what)
	}
}

// add makes a node of these operands.
func (p *parser) add(o op, at int32, kids ...int32) int32 {
	if p.err != nil {
		return none
	}
	for i := range len(kids) - 1 {
		p.e.nodes[kids[i]].next = kids[i+1]
	}
	first := none
	if len(kids) > 0 {
		first = kids[0]
	}
	return p.addChain(o, at, first)
}

// addChain makes a node of operands that are a chain already.
func (p *parser) addChain(o op, at, first int32) int32 {
	if p.err != nil {
		return none
	}
	depth := uint16(0)
	for k := first; k != none; k = p.e.nodes[k].next {
		depth = max(depth, p.e.nodes[k].depth)
	}
	if depth++; depth > MaxDepth {
		return p.fail("more than %d comparisons are inside each other", MaxDepth)
	}
	p.e.nodes = append(p.e.nodes, node{op: o, depth: depth, at: at, kid: first, next: none})
	return int32(len(p.e.nodes) - 1)
}

func (p *parser) constant(v value) int32 {
	p.e.values = append(p.e.values, v)
	return p.add(opConstant, int32(len(p.e.values)-1))
}

// constantOf returns the value of a node that is a constant. The negative of
// one is none: RocketMQ makes its checks before it negates.
func (p *parser) constantOf(n int32) (value, bool) {
	if n == none || p.e.nodes[n].op != opConstant {
		return value{}, false
	}
	return p.e.values[p.e.nodes[n].at], true
}

// isBoolean says whether a node has a truth value; TRUE, FALSE and NULL have.
func (p *parser) isBoolean(n int32) bool {
	if v, ok := p.constantOf(n); ok {
		return v.kind == kindBool || v.kind == kindNull
	}
	return n != none && p.e.nodes[n].op >= opCast
}

// boolean returns the node as a condition.
func (p *parser) boolean(n int32) int32 {
	switch {
	case n == none || p.isBoolean(n):
		return n
	case p.e.nodes[n].op == opProperty:
		return p.add(opCast, 0, n)
	}
	return p.fail("a number or text stands for a condition")
}

// nest counts a rule that may contain itself; the caller ends it with leave.
func (p *parser) nest() {
	if p.nesting++; p.nesting > MaxDepth {
		p.fail("it nests deeper than %d", MaxDepth)
	}
}

func (p *parser) leave() { p.nesting-- }

func (p *parser) or() int32  { return p.chain(opOr, tokOr, p.and) }
func (p *parser) and() int32 { return p.chain(opAnd, tokAnd, p.equality) }

// chain reads conditions between which the same word stands.
func (p *parser) chain(o op, word tokenKind, operand func() int32) int32 {
	first := operand()
	if p.tok.kind != word {
		return first
	}
	first = p.boolean(first)
	for last := first; p.take(word); {
		n := p.boolean(operand())
		if n != none {
			p.e.nodes[last].next, last = n, n
		}
	}
	return p.addChain(o, 0, first)
}

// equality reads =, <> and IS, as many as there are, from left to right.
func (p *parser) equality() int32 {
	left := p.comparison()
	for {
		switch {
		case p.take('='):
			left = p.equal(left, p.comparison())
		case p.take(tokNotEqual):
			left = p.add(opNot, 0, p.equal(left, p.comparison()))
		case p.take(tokIs):
			not := p.take(tokNot)
			p.expect(tokNull, "NULL")
			left = p.add(opEqual, 0, left, p.constant(value{kind: kindNull}))
			if not {
				left = p.add(opNot, 0, left)
			}
		default:
			return left
		}
	}
}

// equal checks what = and <> may stand between.
func (p *parser) equal(left, right int32) int32 {
	l, lok := p.constantOf(left)
	r, rok := p.constantOf(right)
	switch {
	case lok && l.kind == kindNull || rok && r.kind == kindNull:
		return p.fail("NULL cannot be compared; IS NULL asks for it")
	case lok && rok && l.kind == kindBool && r.kind != kindBool:
		return p.fail("a truth value is compared with a constant that is none")
	}
	return p.add(opEqual, 0, left, right)
}

// comparison reads all other operators, as many as there are, from left to right.
func (p *parser) comparison() int32 {
	left := p.unary()
	for {
		kind := p.tok.kind
		switch kind {
		case '>', tokGreaterEqual, '<', tokLessEqual:
			p.advance()
			left = p.order(kind, left, p.unary())
		case tokNot:
			p.advance()
			left = p.match(left, true)
		case tokBetween, tokIn, tokContains, tokStartsWith, tokEndsWith:
			left = p.match(left, false)
		default:
			return left
		}
	}
}

func (p *parser) order(kind tokenKind, left, right int32) int32 {
	p.ordered(left)
	p.ordered(right)
	o := opGreater
	switch kind {
	case tokGreaterEqual:
		o = opGreaterEqual
	case '<':
		o = opLess
	case tokLessEqual:
		o = opLessEqual
	}
	return p.add(o, 0, left, right)
}

// ordered checks what may be less than something.
func (p *parser) ordered(n int32) {
	v, constant := p.constantOf(n)
	if constant && !v.isNumber() || p.isBoolean(n) {
		p.fail("only numbers and properties have an order")
	}
}

// match reads the operators that NOT may stand before.
func (p *parser) match(left int32, not bool) int32 {
	switch {
	case p.take(tokBetween):
		return p.between(left, not)
	case p.take(tokIn):
		return p.in(left, not)
	case p.take(tokContains):
		return p.search(left, not, opContains, opNotContains)
	case p.take(tokStartsWith):
		return p.search(left, not, opStartsWith, opNotStartsWith)
	case p.take(tokEndsWith):
		return p.search(left, not, opEndsWith, opNotEndsWith)
	}
	return p.unexpected("BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH")
}

func (p *parser) between(left int32, not bool) int32 {
	low := p.unary()
	p.expect(tokAnd, "AND")
	high := p.unary()
	p.ordered(left)
	p.ordered(low)
	p.ordered(high)
	if not {
		return p.add(opNotBetween, 0, left, low, high)
	}
	l, lok := p.constantOf(low)
	h, hok := p.constantOf(high)
	if lok && hok && l.isNumber() && h.isNumber() {
		if c, _ := compare(h, l); c < 0 {
			return p.fail("BETWEEN has its greater value first")
		}
	}
	return p.add(opBetween, 0, left, low, high)
}

func (p *parser) in(left int32, not bool) int32 {
	if left != none && p.e.nodes[left].op != opProperty {
		return p.fail("IN asks for a property alone")
	}
	p.expect('(', "(")
	texts := []string{p.quoted()}
	for p.take(',') {
		texts = append(texts, p.quoted())
	}
	p.expect(')', ")")
	p.e.lists = append(p.e.lists, newList(texts))
	o := opIn
	if not {
		o = opNotIn
	}
	return p.add(o, int32(len(p.e.lists)-1), left)
}

// search reads what is looked for in left.
func (p *parser) search(left int32, not bool, found, missed op) int32 {
	p.e.values = append(p.e.values, value{kind: kindText, text: p.quoted()})
	o := found
	if not {
		o = missed
	}
	return p.add(o, int32(len(p.e.values)-1), left)
}

// quoted reads a text in quotes and returns what it stands for.
func (p *parser) quoted() string {
	image := p.tok.text
	if !p.take(tokString) {
		p.unexpected("a text in quotes")
		return ""
	}
	return strings.Clone(strings.ReplaceAll(image[1:len(image)-1], "''", "'"))
}

func (p *parser) unary() int32 {
	p.nest()
	defer p.leave()
	switch {
	case p.take('+'):
		return p.unary()
	case p.take('-'):
		return p.add(opNegate, 0, p.unary())
	case p.take(tokNot):
		return p.add(opNot, 0, p.boolean(p.unary()))
	}
	return p.primary()
}

func (p *parser) primary() int32 {
	t := p.tok
	switch t.kind {
	case tokString:
		return p.constant(value{kind: kindText, text: p.quoted()})
	case tokName:
		p.advance()
		return p.add(opProperty, p.slot(t.text))
	case '(':
		p.advance()
		n := p.or()
		p.expect(')', ")")
		return n
	case tokInteger, tokFloat:
		v, err := number(t)
		if err != nil {
			return p.fail("%v", err)
		}
		p.advance()
		return p.constant(v)
	case tokTrue, tokFalse:
		p.advance()
		return p.constant(truth(t.kind == tokTrue))
	case tokNull:
		p.advance()
		return p.constant(value{kind: kindNull})
	}
	return p.unexpected("a property, a constant or a parenthesis")
}

// slot returns the slot of a property.
func (p *parser) slot(name string) int32 {
	s, ok := p.slots[name]
	if !ok {
		s = int32(len(p.e.names))
		name = strings.Clone(name) // the text is not to live as long
		p.slots[name] = s
		p.e.names = append(p.e.names, name)
	}
	return s
}
