package loadgen

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mrand "math/rand/v2"
	"strconv"
	"strings"

	"pairmq/internal/remoting"
)

// A sendRequest makes the requests of one connection. As clients do, each
// message has a unique key and asks for the flush policy to be waited for.
type sendRequest struct {
	queues   []template // one for each queue, used in turn
	body     []byte
	keys     []int // positions of the keys in body, of a batch
	digits   int   // of a key
	messages int64 // in one request
	size     int64 // bytes of one message's body
	next     int   // queue
	serial   uint64
}

// keyProperty is a message's properties; a new run half and a counter make the key.
func keyProperty(run string) string {
	return "UNIQ_KEY\x01" + run + keyMark + "\x02WAIT\x01true\x02"
}

// shortProperty is the shortest that has a key of its own in each message.
const shortProperty = "KEYS\x01" + shortMark + "\x02"

func newSendRequest(o SendOptions) (*sendRequest, error) {
	var id [8]byte
	rand.Read(id[:])
	properties, mark := keyProperty(fmt.Sprintf("%X", id)), keyMark
	if o.ShortKey {
		properties, mark = shortProperty, shortMark
	}
	s := &sendRequest{digits: len(mark), messages: int64(o.Batch), size: int64(o.Size)}
	code := int32(remoting.ReqSendMessageV2)
	if o.Batch > 1 {
		code = remoting.ReqSendBatchMessage
		s.body, s.keys = batchBody(o.Batch, o.Size, properties, mark)
		properties = "WAIT\x01true\x02"
	} else {
		s.body = fill(make([]byte, o.Size))
	}
	for q := range o.Queues {
		t, err := newTemplate(remoting.Command{
			Code: code, Serialize: o.Serialize, Body: s.body,
			Fields: remoting.Fields{
				{Key: "a", Value: o.Group}, {Key: "b", Value: o.Topic}, {Key: "c", Value: "TBW102"}, {Key: "d", Value: "4"},
				{Key: "e", Value: strconv.Itoa(q)}, {Key: "f", Value: "0"}, {Key: "g", Value: bornMark}, {Key: "h", Value: "0"},
				{Key: "i", Value: properties}, {Key: "j", Value: "0"}, {Key: "k", Value: "false"},
				{Key: "m", Value: strconv.FormatBool(o.Batch > 1)},
			},
		})
		if err != nil {
			return nil, err
		}
		s.queues = append(s.queues, t)
	}
	return s, nil
}

// from returns a copy for connection i, which starts at another queue and
// counts its keys from another number.
func (s *sendRequest) from(i int) *sendRequest {
	c := *s
	c.next, c.serial = i%len(s.queues), uint64(i)<<(s.digits*5/2)
	return &c
}

// appendTo appends one request for slot to dst; born is now in 13 digits.
func (s *sendRequest) appendTo(dst []byte, slot int, born []byte) []byte {
	t := &s.queues[s.next]
	if s.next++; s.next == len(s.queues) {
		s.next = 0
	}
	dst, head := t.appendTo(dst, slot)
	copy(head[t.born:], born)
	if t.key >= 0 {
		putHex(head[t.key:t.key+t.digits], s.serial)
		s.serial++
	}
	at := len(dst)
	dst = append(dst, s.body...)
	for _, k := range s.keys {
		putHex(dst[at+k:at+k+s.digits], s.serial)
		s.serial++
	}
	return dst
}

// batchEntry is what an entry of a batch has beside body and properties.
const batchEntry = 22

func batchSize(n, size int) int { return n * (batchEntry + size + len(keyProperty(keyMark))) }

// batchBody encodes n messages as a client's batch, and says where their keys are.
func batchBody(n, size int, properties, mark string) (body []byte, keys []int) {
	body = make([]byte, 0, batchSize(n, size))
	for range n {
		body = binary.BigEndian.AppendUint32(body, uint32(batchEntry+size+len(properties)))
		body = append(body, make([]byte, 12)...) // magic, checksum and flag, all 0 in a batch
		body = binary.BigEndian.AppendUint32(body, uint32(size))
		at := len(body)
		body = append(body, make([]byte, size)...)
		fill(body[at:])
		body = binary.BigEndian.AppendUint16(body, uint16(len(properties)))
		keys = append(keys, len(body)+strings.Index(properties, mark))
		body = append(body, properties...)
	}
	return body, keys
}

// fill writes the same bytes each time, of a kind that no file system or
// flash can make smaller.
func fill(b []byte) []byte {
	src := mrand.NewChaCha8([32]byte{})
	src.Read(b)
	return b
}
