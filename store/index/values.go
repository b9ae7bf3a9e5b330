package index

import (
	"bytes"
	"slices"

	"go.etcd.io/bbolt"
)

// SetValue keeps a small value under key, nil for none; durable on return. It
// is in the backup too, and comes back from there when the file was damaged.
func (x *Index) SetValue(key string, value []byte) error {
	x.write.Lock()
	defer x.write.Unlock()
	if old, ok := x.tables.values[key]; ok == (value != nil) && bytes.Equal(old, value) {
		return nil
	}
	value = slices.Clone(value)
	return x.changeTables(func(tx *bbolt.Tx) error {
		if value == nil {
			return tx.Bucket([]byte(bucketValues)).Delete([]byte(key))
		}
		return put(tx, bucketValues, []byte(key), value)
	}, func(all *tables) {
		if value == nil {
			delete(all.values, key)
		} else {
			all.values[key] = value
		}
	})
}

// Value returns a copy of the value under key, nil if there is none.
func (x *Index) Value(key string) []byte {
	x.tables.mu.RLock()
	defer x.tables.mu.RUnlock()
	return slices.Clone(x.tables.values[key])
}

// SetMark keeps one value that is in no backup, nil for none; durable on
// return. It is for what must not outlive a damaged file: the mark that a stop
// was clean.
func (x *Index) SetMark(mark []byte) error {
	x.write.Lock()
	defer x.write.Unlock()
	if bytes.Equal(x.tables.mark, mark) {
		return nil
	}
	mark = slices.Clone(mark)
	err := x.update(func(tx *bbolt.Tx) error {
		if len(mark) == 0 {
			return tx.Bucket([]byte(bucketState)).Delete([]byte(stateMark))
		}
		return put(tx, bucketState, []byte(stateMark), mark)
	})
	if err != nil {
		return err
	}
	x.tables.mu.Lock()
	x.tables.mark = mark
	x.tables.mu.Unlock()
	return nil
}

// Mark returns what SetMark kept.
func (x *Index) Mark() []byte {
	x.tables.mu.RLock()
	defer x.tables.mu.RUnlock()
	return slices.Clone(x.tables.mark)
}
