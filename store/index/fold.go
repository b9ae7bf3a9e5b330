package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// The offsets bucket has a value for each group and topic. Its key is the
// length of the group's name 2, group, topic; its content per queue: number 4,
// version 4, queue offset 8.
const foldedSlot = 16

func pairKey(group, topic string) []byte {
	key := binary.BigEndian.AppendUint16(nil, uint16(len(group)))
	key = append(key, group...)
	return append(key, topic...)
}

func (p *pair) content() []byte {
	be := binary.BigEndian
	b := make([]byte, 0, len(p.slots)*foldedSlot)
	for _, s := range p.slots {
		b = be.AppendUint32(b, uint32(s.queueID))
		b = be.AppendUint32(b, s.version)
		b = be.AppendUint64(b, uint64(s.offset))
	}
	return b
}

// load reads the offsets bucket.
func (o *offsets) load(tx *bbolt.Tx) (err error) {
	if o.folded, err = number(tx, stateFolded); err != nil {
		return err
	}
	be := binary.BigEndian
	return each(tx, bucketOffsets, func(key, content []byte) error {
		if len(key) < 2 || 2+int(be.Uint16(key)) > len(key) || len(content)%foldedSlot != 0 {
			return fmt.Errorf("%w: consumer offsets of %d bytes under %q", ErrDamaged, len(content), key)
		}
		end := 2 + int(be.Uint16(key))
		p := o.pair(string(key[2:end]), string(key[end:]))
		for b := content; len(b) > 0; b = b[foldedSlot:] {
			o.set(p, slot{queueID: int32(be.Uint32(b)), version: be.Uint32(b[4:]), offset: int64(be.Uint64(b[8:]))})
		}
		return nil
	})
}

// A fold brings the offsets bucket up to date with memory.
type fold struct {
	all          bool // the bucket is replaced
	dropped      []forget
	keys, values [][]byte
	sequence     int64 // the journal's batches up to here are in it
}

// beginFold collects what the file does not have. The caller commits it, or
// writes nothing any more.
func (o *offsets) beginFold() *fold {
	o.journal.mu.Lock()
	defer o.journal.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	f := &fold{all: o.replaced, dropped: o.dropped, sequence: o.journal.sequence}
	for _, p := range o.changed {
		p.changed = false
		if !p.gone {
			f.keys, f.values = append(f.keys, pairKey(p.group, p.topic)), append(f.values, p.content())
		}
	}
	o.replaced, o.dropped, o.changed = false, nil, o.changed[:0]
	return f
}

func (f *fold) empty() bool { return !f.all && len(f.dropped) == 0 && len(f.keys) == 0 }

func (f *fold) put(tx *bbolt.Tx) error {
	if f.empty() {
		return nil
	}
	name := []byte(bucketOffsets)
	if f.all {
		if err := tx.DeleteBucket(name); err != nil {
			return err
		}
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	for _, d := range f.dropped {
		if err := d.delete(tx.Bucket(name)); err != nil {
			return err
		}
	}
	for i, key := range f.keys {
		if err := put(tx, bucketOffsets, key, f.values[i]); err != nil {
			return err
		}
	}
	return putNumber(tx, stateFolded, f.sequence)
}

// delete removes what f means from the bucket.
func (f forget) delete(b *bbolt.Bucket) error {
	var keys [][]byte
	prefix := pairKey(f.group, "")
	c := b.Cursor()
	for key, _ := c.First(); key != nil; key, _ = c.Next() {
		if f.group != "" && bytes.HasPrefix(key, prefix) || f.topic != "" && topicOf(key) == f.topic {
			keys = append(keys, bytes.Clone(key))
		}
	}
	var errs []error
	for _, key := range keys {
		errs = append(errs, b.Delete(key))
	}
	return errors.Join(errs...)
}

// topicOf returns the topic in a key that load has accepted or put has written.
func topicOf(key []byte) string { return string(key[2+int(binary.BigEndian.Uint16(key)):]) }

// foldOnly commits the offsets alone. The caller holds write.
func (x *Index) foldOnly() error {
	f := x.offsets.beginFold()
	if f.empty() {
		return nil
	}
	return x.update(f.put)
}
