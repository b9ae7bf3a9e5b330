package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// ErrBatch means that the body of a batch is malformed.
var ErrBatch = errors.New("record: malformed batch")

// BatchMessage is one message of a batch. Both slices alias the batch.
type BatchMessage struct {
	Flag       int32
	Body       []byte
	Properties []byte
}

// batchFixed is the size of an entry with neither body nor properties.
const batchFixed = 4 + 4 + 4 + 4 + 4 + 2

// DecodeBatch yields the messages in the body of a batch send, in order, and
// stops with an error wrapping ErrBatch, which names the byte, where the lengths
// contradict each other. A body without messages is such an error too. Entries
// lie end to end, big-endian:
//
//	0 ... 4 ..... 8 ..... 12 .. 16 ...... 20 ... + 2 ....
//	 size  magic   bodyCRC flag  bodyLen   body    propLen properties
//
// Clients write 0 as magic and bodyCRC, and brokers ignore both.
//
// Format: RocketMQ 4.9.7 and 5.4.0, MessageDecoder.encodeMessage.
func DecodeBatch(body []byte) iter.Seq2[BatchMessage, error] {
	return func(yield func(BatchMessage, error) bool) {
		if len(body) == 0 {
			yield(BatchMessage{}, fmt.Errorf("%w: it is empty", ErrBatch))
			return
		}
		for at := 0; at < len(body); {
			m, size, err := decodeBatchMessage(body[at:])
			if err != nil {
				yield(BatchMessage{}, fmt.Errorf("%w at byte %d of %d", err, at, len(body)))
				return
			}
			if !yield(m, nil) {
				return
			}
			at += size
		}
	}
}

// decodeBatchMessage reads the entry that b starts with, and its size.
func decodeBatchMessage(b []byte) (BatchMessage, int, error) {
	if len(b) < batchFixed {
		return BatchMessage{}, 0, fmt.Errorf("%w: an entry of %d bytes", ErrBatch, len(b))
	}
	size := int32(binary.BigEndian.Uint32(b))
	if size < batchFixed || int64(size) > int64(len(b)) {
		return BatchMessage{}, 0, fmt.Errorf("%w: entry size %d", ErrBatch, size)
	}
	rest := int(size) - batchFixed
	body := int32(binary.BigEndian.Uint32(b[16:]))
	if body < 0 || int(body) > rest {
		return BatchMessage{}, 0, fmt.Errorf("%w: body length %d", ErrBatch, body)
	}
	at := 20 + int(body)
	props := int(int16(binary.BigEndian.Uint16(b[at:])))
	if props != rest-int(body) {
		return BatchMessage{}, 0, fmt.Errorf("%w: properties length %d", ErrBatch, props)
	}
	return BatchMessage{
		Flag:       int32(binary.BigEndian.Uint32(b[12:])),
		Body:       b[20:at:at],
		Properties: b[at+2 : size : size],
	}, int(size), nil
}
