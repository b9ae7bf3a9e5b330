package discovery

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"pairmq/store/table"
)

// Bounds of what a compressed registration may unfold to, in bytes.
const (
	maxInflated  = 16 << 20
	maxInflation = 100     // times the compressed size
	maxElement   = 1 << 16 // one topic, the version
)

// ErrCompressed is the cause of every refused compressed registration.
var ErrCompressed = errors.New("discovery: bad compressed registration")

// DecodeCompressedRegisterBody reads a body that was sent with compressed=true:
// a zlib stream of, with big-endian lengths and counts of 4 bytes,
//
//	length, data version as JSON
//	count, then for each topic: length, text "name read write perm filterType [attributes]"
//	length, filter servers as JSON
//	from 5.0 on: count, then length and JSON of each static topic (not read)
//
// It fails with ErrCompressed, also if the stream unfolds to more than 16 MiB
// or a hundred times its size, and with ErrTooManyTopics for more than
// maxTopics. Attributes of topics are dropped.
//
// Format: RocketMQ 4.9.7 and 5.4.0, RegisterBrokerBody.encode(true).
func DecodeCompressedRegisterBody(body []byte, maxTopics int) (RegisterBody, error) {
	z, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		return RegisterBody{}, fmt.Errorf("%w: %w", ErrCompressed, err)
	}
	defer z.Close()
	limit := min(maxInflated, int64(len(body))*maxInflation)
	r := elementReader{in: &io.LimitedReader{R: z, N: limit}}
	var out RegisterBody
	if err := json.Unmarshal(r.element(), &out.Version); err != nil && r.err == nil {
		r.err = err
	}
	n := r.int32()
	if r.err == nil && (n < 0 || int64(n) > int64(maxTopics)) {
		return RegisterBody{}, fmt.Errorf("%w: %d, at most %d are allowed", ErrTooManyTopics, n, maxTopics)
	}
	for i := int32(0); i < n && r.err == nil; i++ {
		text := r.element()
		if r.err != nil {
			break
		}
		topic, err := parseTopicText(string(text))
		if err != nil {
			return RegisterBody{}, fmt.Errorf("%w: topic %d of %d: %w", ErrCompressed, i+1, n, err)
		}
		out.Topics = append(out.Topics, topic)
	}
	if r.err != nil {
		return RegisterBody{}, fmt.Errorf("%w: %w", ErrCompressed, r.err)
	}
	return out, nil
}

// EncodeCompressed returns the body in the form that DecodeCompressedRegisterBody
// reads, as a broker of before 5.0 writes it: without attributes of topics, which
// no route has, and without static topics.
func (b *RegisterBody) EncodeCompressed() ([]byte, error) {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	version, err := json.Marshal(b.Version)
	if err != nil {
		return nil, fmt.Errorf("discovery: encode the data version: %w", err)
	}
	plain := appendElement(nil, version)
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(b.Topics)))
	var text []byte
	for i := range b.Topics {
		t := &b.Topics[i]
		text = fmt.Appendf(text[:0], "%s %d %d %d %s", t.Name, t.ReadQueueNums, t.WriteQueueNums, t.Perm, cmp.Or(t.FilterType, "SINGLE_TAG"))
		plain = appendElement(plain, text)
	}
	plain = appendElement(plain, []byte("[]"))
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("discovery: compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("discovery: compress: %w", err)
	}
	return out.Bytes(), nil
}

func appendElement(dst, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
}

// elementReader reads lengths and what they announce; its first error stays.
type elementReader struct {
	in  *io.LimitedReader
	buf []byte
	err error
}

func (r *elementReader) int32() int32 {
	var b [4]byte
	r.read(b[:])
	return int32(binary.BigEndian.Uint32(b[:]))
}

// element returns bytes that are valid until the next call.
func (r *elementReader) element() []byte {
	n := r.int32()
	if r.err == nil && (n < 0 || n > maxElement) {
		r.err = fmt.Errorf("an element of %d bytes, at most %d are allowed", n, maxElement)
	}
	if r.err != nil {
		return nil
	}
	if int(n) > cap(r.buf) {
		r.buf = make([]byte, n)
	}
	b := r.buf[:n]
	r.read(b)
	return b
}

func (r *elementReader) read(b []byte) {
	if r.err != nil {
		return
	}
	if _, err := io.ReadFull(r.in, b); err != nil {
		if r.in.N <= 0 {
			err = errors.New("it unfolds to too many bytes")
		}
		r.err = err
	}
}

// parseTopicText reads RocketMQ's TopicConfig.encode().
func parseTopicText(text string) (table.Topic, error) {
	parts := strings.SplitN(text, " ", 6)
	if len(parts) < 5 {
		return table.Topic{}, fmt.Errorf("%d words, at least 5 are needed", len(parts))
	}
	t := table.Topic{Name: parts[0], FilterType: parts[4]}
	for i, p := range []*int32{&t.ReadQueueNums, &t.WriteQueueNums, &t.Perm} {
		n, err := strconv.ParseInt(parts[i+1], 10, 32)
		if err != nil {
			return table.Topic{}, err
		}
		*p = int32(n)
	}
	return t, nil
}
