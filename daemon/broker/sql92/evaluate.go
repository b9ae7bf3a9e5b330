package sql92

import (
	"math"
	"strings"
	"unsafe"
)

// Evaluate gives the expression's verdict on a message with these properties,
// in the form in which they are stored: name 0x01 value, joined by 0x02, UTF-8.
// They are the caller's and not kept. Texts beyond 2 GiB fail.
func (e *Expression) Evaluate(properties []byte) Verdict {
	if len(properties) > math.MaxInt32 {
		return Failed
	}
	r := row{text: unsafe.String(unsafe.SliceData(properties), len(properties))}
	if len(e.names) <= stackNames {
		e.locate(&r)
		return e.test(e.root, &r)
	}
	kept, ok := e.wide.Get().(*[]span)
	if !ok {
		kept = new([]span)
		*kept = make([]span, len(e.names))
	}
	r.wide = *kept
	clear(r.wide)
	e.locate(&r)
	v := e.test(e.root, &r)
	e.wide.Put(kept)
	return v
}

// test evaluates a node that is a condition.
func (e *Expression) test(at int32, r *row) Verdict {
	n := &e.nodes[at]
	switch n.op {
	case opConstant, opCast:
		return e.testValue(n, r)
	case opNot:
		return not(e.test(n.kid, r))
	case opAnd:
		return e.testAll(n, r)
	case opOr:
		return e.testAny(n, r)
	case opEqual:
		return e.testEqual(n, r)
	case opBetween, opNotBetween:
		return e.testBetween(n, r)
	case opIn, opNotIn:
		return e.testIn(n, r)
	case opGreater, opGreaterEqual, opLess, opLessEqual:
		left := e.value(n.kid, r)
		return e.testOrder(n.op, left, e.nodes[n.kid].next, r)
	default:
		return e.testSearch(n, r)
	}
}

// value evaluates a node for what compares it.
func (e *Expression) value(at int32, r *row) value {
	switch n := &e.nodes[at]; n.op {
	case opConstant:
		return e.values[n.at]
	case opProperty:
		return r.property(n.at)
	case opNegate:
		return e.value(n.kid, r).negative()
	}
	switch e.test(at, r) {
	case True:
		return truth(true)
	case False:
		return truth(false)
	case Unknown:
		return value{}
	}
	return value{kind: kindFailed}
}

// testValue makes a constant or a property a condition: a property that is
// there is a text, and no text is true.
func (e *Expression) testValue(n *node, r *row) Verdict {
	if n.op == opCast {
		if e.value(n.kid, r).kind == kindNull {
			return Unknown
		}
		return False
	}
	switch v := e.values[n.at]; {
	case v.kind == kindNull:
		return Unknown
	case v.bits == 1:
		return True
	}
	return False
}

func not(v Verdict) Verdict {
	switch v {
	case True:
		return False
	case False:
		return True
	}
	return v
}

func verdict(b bool) Verdict {
	if b {
		return True
	}
	return False
}

func (e *Expression) testAll(n *node, r *row) Verdict {
	all := True
	for k := n.kid; k != none; k = e.nodes[k].next {
		switch v := e.test(k, r); v {
		case False, Failed:
			return v
		case Unknown:
			all = Unknown
		}
	}
	return all
}

func (e *Expression) testAny(n *node, r *row) Verdict {
	found := False
	for k := n.kid; k != none; k = e.nodes[k].next {
		switch v := e.test(k, r); v {
		case True, Failed:
			return v
		case Unknown:
			found = Unknown
		}
	}
	return found
}

// testEqual is Java's doCreateEqual: null is equal to null, and what is equal
// to a null on the right is known to be unequal.
func (e *Expression) testEqual(n *node, r *row) Verdict {
	left := e.value(n.kid, r)
	if left.kind == kindFailed {
		return Failed
	}
	right := e.value(e.nodes[n.kid].next, r)
	switch {
	case right.kind == kindFailed:
		return Failed
	case left.kind == kindNull:
		if right.kind == kindNull {
			return True
		}
		return Unknown
	case right.kind == kindNull:
		return False
	}
	c, ok := compare(left, right)
	if !ok {
		return Failed
	}
	return verdict(c == 0)
}

// testOrder compares left with a node. That is not evaluated if left is null.
func (e *Expression) testOrder(o op, left value, at int32, r *row) Verdict {
	switch left.kind {
	case kindFailed:
		return Failed
	case kindNull:
		return Unknown
	}
	right := e.value(at, r)
	switch right.kind {
	case kindFailed:
		return Failed
	case kindNull:
		return Unknown
	}
	c, ok := compareOrder(left, right)
	if !ok {
		return Failed
	}
	switch o {
	case opGreater:
		return verdict(c > 0)
	case opGreaterEqual:
		return verdict(c >= 0)
	case opLess:
		return verdict(c < 0)
	default:
		return verdict(c <= 0)
	}
}

// compareOrder is compare for an order: two texts are ordered as doubles.
func compareOrder(left, right value) (c int, ok bool) {
	if left.kind == kindText && right.kind == kindText {
		if left, ok = convert(left.text, kindDouble); !ok {
			return 0, false
		}
		if right, ok = convert(right.text, kindDouble); !ok {
			return 0, false
		}
	}
	return compare(left, right)
}

// testBetween is two comparisons of one value.
func (e *Expression) testBetween(n *node, r *row) Verdict {
	left := e.value(n.kid, r)
	low := e.nodes[n.kid].next
	high := e.nodes[low].next
	first, second, decides := opGreaterEqual, opLessEqual, False
	if n.op == opNotBetween {
		first, second, decides = opLess, opGreater, True
	}
	one := e.testOrder(first, left, low, r)
	if one == decides || one == Failed {
		return one
	}
	two := e.testOrder(second, left, high, r)
	if one == Unknown && two != decides && two != Failed {
		return Unknown
	}
	return two
}

func (e *Expression) testIn(n *node, r *row) Verdict {
	v := e.value(n.kid, r)
	if v.kind == kindNull {
		return Unknown
	}
	return verdict(e.lists[n.at].has(v.text) == (n.op == opIn))
}

// testSearch looks for a text. An empty one is never found, and never missed
// either; the same goes for what is no text.
func (e *Expression) testSearch(n *node, r *row) Verdict {
	wanted := e.values[n.at].text
	if wanted == "" {
		return False
	}
	v := e.value(n.kid, r)
	switch v.kind {
	case kindText:
	case kindFailed:
		return Failed
	default:
		return False
	}
	switch n.op {
	case opContains:
		return verdict(strings.Contains(v.text, wanted))
	case opNotContains:
		return verdict(!strings.Contains(v.text, wanted))
	case opStartsWith:
		return verdict(strings.HasPrefix(v.text, wanted))
	case opNotStartsWith:
		return verdict(!strings.HasPrefix(v.text, wanted))
	case opEndsWith:
		return verdict(strings.HasSuffix(v.text, wanted))
	default:
		return verdict(!strings.HasSuffix(v.text, wanted))
	}
}
