package index

import (
	"bytes"
	"slices"

	"go.etcd.io/bbolt"
)

// notePrefix is before the keys of notes in the state bucket.
const notePrefix = "note "

// SetNotes keeps small values under their keys, nil for none: all in one commit,
// durable on return. They are in no backup and not in memory, so that many may change
// often; who keeps them can do without them when the file was damaged.
func (x *Index) SetNotes(notes map[string][]byte) error {
	if len(notes) == 0 {
		return nil
	}
	x.write.Lock()
	defer x.write.Unlock()
	return x.update(func(tx *bbolt.Tx) error {
		for key, value := range notes {
			if value == nil {
				if err := tx.Bucket([]byte(bucketState)).Delete([]byte(notePrefix + key)); err != nil {
					return err
				}
			} else if err := put(tx, bucketState, []byte(notePrefix+key), value); err != nil {
				return err
			}
		}
		return nil
	})
}

// Notes returns copies of what SetNotes keeps, by key. Those that are damaged are left
// out.
func (x *Index) Notes() (map[string][]byte, error) {
	notes := map[string][]byte{}
	err := x.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bucketState)).Cursor()
		for k, v := c.Seek([]byte(notePrefix)); bytes.HasPrefix(k, []byte(notePrefix)); k, v = c.Next() {
			if content, err := openValue(bucketState, k, v); err == nil {
				notes[string(k[len(notePrefix):])] = slices.Clone(content)
			}
		}
		return nil
	})
	return notes, err
}
