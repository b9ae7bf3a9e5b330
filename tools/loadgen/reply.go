package loadgen

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"pairmq/internal/remoting"
)

// A reply is what the generator reads of a reply's header.
type reply struct {
	code, opaque int32
}

// The members of a JSON header as every peer writes them. Inside a string of
// JSON their quotes would be escaped, so no remark can hold one.
const (
	codeMember   = `"code":`
	opaqueMember = `"opaque":`
)

// parseReply reads the code and the opaque from the header of f. A JSON header
// in any but the usual compact form takes the slow way through remoting.
func parseReply(f frame) (reply, error) {
	if f.kind == byte(remoting.Binary) {
		if len(f.header) < 21 {
			return reply{}, fmt.Errorf("%w: binary header of %d bytes", errFrame, len(f.header))
		}
		code := int16(binary.BigEndian.Uint16(f.header))
		return reply{code: int32(code), opaque: int32(binary.BigEndian.Uint32(f.header[5:]))}, nil
	}
	code, ok := intMember(f.header, codeMember)
	if ok {
		if opaque, ok := intMember(f.header, opaqueMember); ok {
			return reply{code: code, opaque: opaque}, nil
		}
	}
	c, err := f.decode()
	if err != nil {
		return reply{}, err
	}
	return reply{code: c.Code, opaque: c.Opaque}, nil
}

// decode reads the whole header.
func (f frame) decode() (remoting.Command, error) {
	b := make([]byte, 8, 8+len(f.header))
	binary.BigEndian.PutUint32(b, uint32(4+len(f.header)))
	binary.BigEndian.PutUint32(b[4:], uint32(f.kind)<<24|uint32(len(f.header)))
	c, err := remoting.DecodeCommand(append(b, f.header...), remoting.Limits{})
	if err != nil {
		return remoting.Command{}, fmt.Errorf("%w: %w", errFrame, err)
	}
	return c, nil
}

// intMember returns the number that follows member in the compact JSON h.
func intMember(h []byte, member string) (int32, bool) {
	i := bytes.Index(h, []byte(member))
	if i < 0 {
		return 0, false
	}
	n, rest, ok := cutInt(h[i+len(member):])
	if !ok || len(rest) == 0 || (rest[0] != ',' && rest[0] != '}') || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, false
	}
	return int32(n), true
}

// int64Field returns the header field key, a number written as a string.
func (f frame) int64Field(key string) (int64, error) {
	if f.kind == byte(remoting.JSON) {
		member := `"` + key + `":"`
		if i := bytes.Index(f.header, []byte(member)); i >= 0 {
			if n, rest, ok := cutInt(f.header[i+len(member):]); ok && len(rest) > 0 && rest[0] == '"' {
				return n, nil
			}
		}
	}
	c, err := f.decode()
	if err != nil {
		return 0, err
	}
	return c.Fields.Int64(key)
}

// cutInt reads a decimal number of at most 18 digits off the front of b.
func cutInt(b []byte) (n int64, rest []byte, ok bool) {
	i, neg := 0, false
	if len(b) > 0 && b[0] == '-' {
		i, neg = 1, true
	}
	start := i
	for i < len(b) && i < start+18 && '0' <= b[i] && b[i] <= '9' {
		n = n*10 + int64(b[i]-'0')
		i++
	}
	if neg {
		n = -n
	}
	return n, b[i:], i > start
}
