package record

import (
	"cmp"
	"encoding/binary"
	"fmt"
)

// View is one checked record, read in place: it aliases the bytes given to
// Parse and is valid as long as they are. Copying a View copies no bytes.
type View struct {
	b       []byte // exactly the record
	storeAt int32  // of STORETIMESTAMP
	bodyAt  int32  // behind BODYLEN
	bodyLen int32
	topicAt int32
	propsAt int32
	topic   int32 // bytes
}

// Parse reads the record that b starts with; b may go on behind it. It fails
// with ErrShort if b ends too early (get more and try again), with ErrBlank if a
// filler starts here (see Blank), and with ErrBad if no record does: lengths
// that contradict each other or exceed lim, a magic code or a port that is none.
// It does not compare checksums: see View.CheckCRC.
func Parse(b []byte, lim Limits) (View, error) {
	if len(b) < BlankSize {
		return View{}, ErrShort
	}
	total := int64(int32(binary.BigEndian.Uint32(b)))
	magic := binary.BigEndian.Uint32(b[4:])
	topicField := 1
	switch magic {
	case MagicV1:
	case MagicV2:
		topicField = 2
	case MagicBlank:
		return View{}, ErrBlank
	default:
		return View{}, fmt.Errorf("%w: magic code %08x", ErrBad, magic)
	}
	limit := int64(cmp.Or(lim.Record, defaultRecord))
	if total < int64(fixedSize+topicField-1) || total > limit {
		return View{}, fmt.Errorf("%w: total size %d, allowed are %d to %d", ErrBad, total, fixedSize, limit)
	}
	if int64(len(b)) < total {
		return View{}, ErrShort
	}
	v := View{b: b[:total:total]}
	if err := v.layout(topicField); err != nil {
		return View{}, err
	}
	return v, nil
}

// layout finds the parts of v.b and checks that they fill it exactly.
func (v *View) layout(topicField int) error {
	sys := v.SysFlag()
	bornSize, storeSize := hostSize(sys&SysBornHostV6 != 0), hostSize(sys&SysStoreHostV6 != 0)
	v.storeAt = int32(atBorn + bornSize)
	v.bodyAt = v.storeAt + 8 + int32(storeSize) + 4 + 8 + 4
	// What follows the body takes at least the two length fields.
	rest := len(v.b) - int(v.bodyAt) - topicField - 2
	if rest < 0 {
		return v.bad("total size", int64(len(v.b)))
	}
	body := int32(binary.BigEndian.Uint32(v.b[v.bodyAt-4:]))
	if body < 0 || int(body) > rest {
		return v.bad("body length", int64(body))
	}
	v.bodyLen = body
	rest -= int(body)
	at := int(v.bodyAt + body)
	topic := int(v.b[at])
	if topicField == 2 {
		topic = int(binary.BigEndian.Uint16(v.b[at:]))
	}
	if topic > rest || topicField == 1 && topic > MaxTopic || topic > MaxTopicV2 {
		return v.bad("topic length", int64(topic))
	}
	v.topicAt, v.topic = int32(at+topicField), int32(topic)
	rest -= topic
	at += topicField + topic
	props := int(binary.BigEndian.Uint16(v.b[at:]))
	if props != rest || props > MaxProperties {
		return v.bad("properties length", int64(props))
	}
	v.propsAt = int32(at + 2)
	return v.checkPorts(sys)
}

func (v *View) checkPorts(sys int32) error {
	if !validPort(v.b[atBorn:], sys&SysBornHostV6 != 0) {
		return fmt.Errorf("%w: born host has a port above 65535", ErrBad)
	}
	if !validPort(v.b[v.storeAt+8:], sys&SysStoreHostV6 != 0) {
		return fmt.Errorf("%w: store host has a port above 65535", ErrBad)
	}
	return nil
}

func (v *View) bad(what string, n int64) error {
	return fmt.Errorf("%w: %s %d in a record of %d bytes", ErrBad, what, n, len(v.b))
}
