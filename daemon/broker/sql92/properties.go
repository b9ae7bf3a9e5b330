package sql92

import "strings"

// Names are compared one by one up to fewNames, and looked up beyond. The
// places of up to stackNames properties are kept on the stack.
const (
	fewNames   = 8
	stackNames = 16
)

// The separators of RocketMQ's properties text: name 0x01 value, joined by 0x02.
const (
	nameSeparator     = 0x01
	propertySeparator = 0x02
)

// A span is where a value is in the properties text; to is 0 if there is none.
type span struct{ from, to int32 }

// A row is the properties of one message, as far as the expression reads them.
type row struct {
	text string
	few  [stackNames]span // by slot
	wide []span           // the same of an expression that reads more
}

// property returns the value in a slot, null if the message has none.
func (r *row) property(slot int32) value {
	s := r.span(slot)
	if s.to == 0 {
		return value{}
	}
	return value{kind: kindText, text: r.text[s.from:s.to]}
}

func (r *row) span(slot int32) *span {
	if r.wide != nil {
		return &r.wide[slot]
	}
	return &r.few[slot]
}

// locate notes where the properties that the expression reads are. As in
// Java's decoder an entry without a name or a value does not count, what
// follows the first 0x01 is the value, and of one name the last value counts.
func (e *Expression) locate(r *row) {
	text := r.text
	for at := 0; at < len(text); {
		end := len(text)
		if n := strings.IndexByte(text[at:], propertySeparator); n >= 0 {
			end = at + n
		}
		sep := strings.IndexByte(text[at:end], nameSeparator)
		if sep > 0 && at+sep+1 < end {
			if slot := e.slotOf(text[at : at+sep]); slot >= 0 {
				*r.span(slot) = span{int32(at + sep + 1), int32(end)}
			}
		}
		at = end + 1
	}
}

// slotOf returns the slot of a property, none if the expression does not read it.
func (e *Expression) slotOf(name string) int32 {
	if e.slots != nil {
		if slot, ok := e.slots[name]; ok {
			return slot
		}
		return none
	}
	for i, n := range e.names {
		if n == name {
			return int32(i)
		}
	}
	return none
}
