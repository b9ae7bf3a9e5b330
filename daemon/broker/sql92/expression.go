package sql92

import (
	"errors"
	"fmt"
	"sync"
)

// Bounds of an expression. RocketMQ has none of its own: there the stack ends
// an expression that nests too deep.
const (
	MaxLength = 16 << 10 // bytes
	MaxDepth  = 256      // parentheses, signs, NOTs and comparisons inside each other
)

// ErrExpression means that a text is no expression, or one beyond the bounds.
// Its message is for who wrote the expression.
var ErrExpression = errors.New("invalid SQL92 expression")

// A Verdict is what an expression says of a message. Only True lets it through.
type Verdict int8

// The verdicts. Unknown is SQL's third truth value. Failed is no truth value
// but the end of the evaluation: something could not be converted, where
// RocketMQ throws an exception.
const (
	False Verdict = iota
	True
	Unknown
	Failed
)

// String returns the verdict's name.
func (v Verdict) String() string {
	switch v {
	case False:
		return "false"
	case True:
		return "true"
	case Unknown:
		return "null"
	}
	return "failed"
}

// An Expression is ready to be evaluated, by any number of goroutines at once.
type Expression struct {
	nodes  []node
	root   int32
	names  []string         // of the properties it reads; a property's slot is its place here
	slots  map[string]int32 // the same by name, nil while names are few
	values []value          // constants
	lists  []list           // of IN
	wide   sync.Pool        // *[]span, for who reads more properties than fit on the stack
}

// Compile makes text an expression. It fails with ErrExpression where RocketMQ
// 5.4.0 refuses it, and beyond MaxLength and MaxDepth.
func Compile(text string) (*Expression, error) {
	if len(text) > MaxLength {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrExpression, len(text), MaxLength)
	}
	p := parser{lexer: lexer{text: text}, e: &Expression{}, slots: map[string]int32{}}
	p.advance()
	root := p.boolean(p.or())
	if p.tok.kind == tokBad && p.err == nil {
		p.err = p.tok.err
	}
	if p.err != nil {
		return nil, p.err
	}
	p.e.root = root
	if len(p.e.names) > fewNames {
		p.e.slots = p.slots
	}
	return p.e, nil
}

// An op says what a node does.
type op uint8

const (
	opConstant op = iota // values[at]
	opProperty           // names[at]
	opNegate             // of a number; null of anything else
	// What follows is boolean.
	opCast // a property as a condition
	opNot
	opAnd
	opOr
	opEqual
	opGreater
	opGreaterEqual
	opLess
	opLessEqual
	opBetween    // value, low, high
	opNotBetween // value, low, high
	opIn         // property, lists[at]
	opNotIn
	opContains // of values[at], as what follows
	opNotContains
	opStartsWith
	opNotStartsWith
	opEndsWith
	opNotEndsWith
)

// A node is a part of an expression. Its operands are a chain: kid is the
// first, next of an operand the one behind it; -1 is none.
type node struct {
	op        op
	depth     uint16 // of nodes below and including it
	at        int32
	kid, next int32
}
