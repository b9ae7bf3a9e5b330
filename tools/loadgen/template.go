package loadgen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"pairmq/internal/remoting"
)

// What stands in a template where each request has a value of its own. Each
// is as long as all values that replace it, and unlike anything else in it.
const (
	opaqueMark = 1_987_654_321         // opaques are opaqueBase and up: always ten digits
	offsetMark = "1777777777777777777" // 19 digits; leading zeros are allowed
	bornMark   = "1444444444444"       // ms since 1970, 13 digits until the year 2286
	keyMark    = "FEDCBA9876543210"    // the second half of a unique key: a counter in hex
	shortMark  = "9E57A1"              // a short key: a counter in hex
)

// opaqueBase is the opaque of slot 0; slot n has opaqueBase + n.
const opaqueBase = 1_000_000_000

var errTemplate = errors.New("loadgen: request cannot be made a template")

// A template is an encoded request without its body, and the positions in it
// of what changes from one request to the next; -1 where it has none.
type template struct {
	head                      []byte
	kind                      remoting.SerializeType
	opaque, offset, born, key int
	digits                    int // of the key
}

// newTemplate encodes c, whose values hold the marks and whose body is what
// will follow each head, or one of the same length.
func newTemplate(c remoting.Command) (template, error) {
	c.Opaque, c.Version, c.Language = opaqueMark, remoting.Version, remoting.Java
	frame := remoting.AppendCommand(nil, &c)
	t := template{head: frame[:len(frame)-len(c.Body)], kind: c.Serialize}
	opaque := fmt.Appendf(nil, "%d", opaqueMark)
	if t.kind == remoting.Binary {
		opaque = binary.BigEndian.AppendUint32(nil, opaqueMark)
	}
	var err error
	for _, m := range []struct {
		at   *int
		mark []byte
	}{{&t.opaque, opaque}, {&t.offset, []byte(offsetMark)}, {&t.born, []byte(bornMark)}, {&t.key, []byte(keyMark)}} {
		if *m.at, err = markAt(t.head, m.mark); err != nil {
			return template{}, err
		}
	}
	t.digits = len(keyMark)
	if t.key < 0 {
		t.digits = len(shortMark)
		var err error
		if t.key, err = markAt(t.head, []byte(shortMark)); err != nil {
			return template{}, err
		}
	}
	if t.opaque < 0 {
		return template{}, fmt.Errorf("%w: its header has no opaque", errTemplate)
	}
	return t, nil
}

func markAt(head, mark []byte) (int, error) {
	if n := bytes.Count(head, mark); n > 1 {
		return 0, fmt.Errorf("%w: a name in it contains %q", errTemplate, mark)
	}
	return bytes.Index(head, mark), nil
}

// appendTo appends the head for slot to dst and returns the copy in it.
func (t *template) appendTo(dst []byte, slot int) (all, head []byte) {
	at := len(dst)
	dst = append(dst, t.head...)
	head = dst[at:]
	if t.kind == remoting.Binary {
		binary.BigEndian.PutUint32(head[t.opaque:], uint32(opaqueBase+slot))
	} else {
		putDecimal(head[t.opaque:t.opaque+10], opaqueBase+int64(slot))
	}
	return dst, head
}

// putDecimal writes v right-aligned into b, with leading zeros.
func putDecimal(b []byte, v int64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + v%10)
		v /= 10
	}
}

// putHex writes the low digits of v in upper-case hex, as many as b has bytes.
func putHex(b []byte, v uint64) {
	const digits = "0123456789ABCDEF"
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[v&15]
		v >>= 4
	}
}
