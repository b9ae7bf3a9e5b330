package index

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A batch is what the journal gets at once: what consumers committed since the
// batch before, or in a snapshot all there is. It begins at a page.
//
//	 0 magic    4  "PMOJ"
//	 4 crc      4  of all that follows, to the batch's end
//	 8 sequence 8  one more than the batch before
//	16 lap      8  a random number that a snapshot and those that follow share
//	24 length   4  bytes of the batch
//	28 kind     4  1 is a snapshot, 0 is not
//	32 entries, each one byte of kind, then
//	   define  number 4, group 2 + n, topic 2 + n: the number stands for both
//	           in this and later batches, up to the next snapshot
//	   offset  number 4, queue 4, version 4, queue offset 8
//	   forget  group 2 + n, topic 2 + n; an empty one means all
const (
	batchMagic  = 0x504D4F4A
	batchHeader = 32

	entryDefine = 1
	entryOffset = 2
	entryForget = 3

	offsetEntrySize = 21
)

// forget says whose offsets are gone: of a group, of a topic, or of a group in
// a topic.
type forget struct{ group, topic string }

// A batchWriter encodes one batch.
type batchWriter struct{ b []byte }

// begin starts a batch in the memory of the last one.
func (w *batchWriter) begin() { w.b = append(w.b[:0], make([]byte, batchHeader)...) }

func (w *batchWriter) forget(f forget) {
	w.b = append(w.b, entryForget)
	w.name(f.group)
	w.name(f.topic)
}

func (w *batchWriter) name(s string) {
	w.b = binary.BigEndian.AppendUint16(w.b, uint16(len(s)))
	w.b = append(w.b, s...)
}

func (w *batchWriter) define(number uint32, group, topic string) {
	w.b = append(w.b, entryDefine)
	w.b = binary.BigEndian.AppendUint32(w.b, number)
	w.name(group)
	w.name(topic)
}

func (w *batchWriter) offset(number uint32, s slot) {
	be := binary.BigEndian
	w.b = append(w.b, entryOffset)
	w.b = be.AppendUint32(w.b, number)
	w.b = be.AppendUint32(w.b, uint32(s.queueID))
	w.b = be.AppendUint32(w.b, s.version)
	w.b = be.AppendUint64(w.b, uint64(s.offset))
}

// finish completes the batch and pads it to whole pages.
func (w *batchWriter) finish(sequence int64, lap uint64, snapshot bool) []byte {
	be := binary.BigEndian
	be.PutUint32(w.b, batchMagic)
	be.PutUint64(w.b[8:], uint64(sequence))
	be.PutUint64(w.b[16:], lap)
	be.PutUint32(w.b[24:], uint32(len(w.b)))
	be.PutUint32(w.b[28:], 0)
	if snapshot {
		be.PutUint32(w.b[28:], 1)
	}
	be.PutUint32(w.b[4:], crc32.ChecksumIEEE(w.b[8:]))
	if n := len(w.b) % pageSize; n > 0 {
		w.b = append(w.b, make([]byte, pageSize-n)...)
	}
	return w.b
}

// A batchHead is what a batch says of itself.
type batchHead struct {
	sequence int64
	lap      uint64
	length   int
	snapshot bool
}

// decodeBatchHead reads the head of a batch of at most limit bytes. It fails
// with ErrDamaged.
func decodeBatchHead(b []byte, limit int64) (batchHead, error) {
	be := binary.BigEndian
	if len(b) < batchHeader || be.Uint32(b) != batchMagic {
		return batchHead{}, fmt.Errorf("%w: no batch", ErrDamaged)
	}
	length := int64(be.Uint32(b[24:]))
	kind := be.Uint32(b[28:])
	if length < batchHeader || length > limit || kind > 1 {
		return batchHead{}, fmt.Errorf("%w: batch of %d bytes and kind %d", ErrDamaged, length, kind)
	}
	return batchHead{sequence: int64(be.Uint64(b[8:])), lap: be.Uint64(b[16:]), length: int(length), snapshot: kind == 1}, nil
}

// A batchVisitor is told what is in a batch, in order.
type batchVisitor struct {
	define func(number uint32, of forget)
	offset func(number uint32, s slot)
	forget func(forget)
}

// readBatch reads the entries of a whole batch. It fails with ErrDamaged,
// before it told anything if the checksum is wrong.
func readBatch(b []byte, v batchVisitor) error {
	if len(b) < batchHeader || crc32.ChecksumIEEE(b[8:]) != binary.BigEndian.Uint32(b[4:]) {
		return fmt.Errorf("%w: batch of %d bytes", ErrDamaged, len(b))
	}
	r := batchReader{b: b[batchHeader:]}
	for len(r.b) > 0 && !r.bad {
		switch kind := r.b[0]; kind {
		case entryDefine:
			r.take(1)
			if number, group, topic := r.uint32(), r.name(), r.name(); !r.bad {
				v.define(number, forget{group, topic})
			}
		case entryOffset:
			r.take(1)
			number := r.uint32()
			s := slot{queueID: int32(r.uint32()), version: r.uint32()}
			s.offset = int64(r.uint32())<<32 | int64(r.uint32())
			if !r.bad {
				v.offset(number, s)
			}
		case entryForget:
			r.take(1)
			if group, topic := r.name(), r.name(); !r.bad {
				v.forget(forget{group, topic})
			}
		default:
			r.bad = true
		}
	}
	if r.bad {
		return fmt.Errorf("%w: entry %d bytes before the end of a batch of %d", ErrDamaged, len(r.b), len(b))
	}
	return nil
}

// A batchReader takes pieces off b until one does not fit.
type batchReader struct {
	b   []byte
	bad bool
}

func (r *batchReader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	piece := r.b[:n]
	r.b = r.b[n:]
	return piece
}

func (r *batchReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *batchReader) name() string {
	if b := r.take(2); b != nil {
		return string(r.take(int(binary.BigEndian.Uint16(b))))
	}
	return ""
}
