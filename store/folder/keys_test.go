package folder_test

import (
	"encoding/binary"
	"hash/crc32"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"pairmq/store"
	"pairmq/store/folder"
)

// changeKeys has f change the keys of the first chunk of a store: what it returns is
// stored, under the right checksum if sound.
func changeKeys(t *testing.T, dir string, sound bool, f func(pairs []byte) []byte) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "meta.db"), 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		start, _ := tx.Bucket([]byte("idx")).Cursor().First()
		chunk, piece := tx.Bucket([]byte("idx")).Bucket(start), []byte{2, 0, 0, 0, 0}
		value := append([]byte(nil), chunk.Get(piece)...)
		value = append(value[:4:4], f(value[4:])...)
		if sound {
			head := append(append([]byte(nil), start...), 0, 0, 0, 0)
			binary.BigEndian.PutUint32(value, crc32.Update(crc32.ChecksumIEEE(head), crc32.IEEETable, value[4:]))
		}
		return chunk.Put(piece, value)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestKeysAreCompared(t *testing.T) {
	tests := []struct {
		name   string
		sound  bool // the checksum
		change func(pairs []byte) []byte
		want   string // kinds in their order
		words  string // in one of the reasons
	}{
		{"as they are", true, func(p []byte) []byte { return p }, "", ""},
		{"one spoiled piece", false, func(p []byte) []byte { p[9] ^= 1; return p }, "INDEX_DAMAGED", "cannot be read"},
		{"a missing key", true, func(p []byte) []byte { return append(p[:8:8], p[16:]...) }, "INDEX_DIFFERS", "does not find the message by its key"},
		{"a key that leads elsewhere", true, func(p []byte) []byte { p[15]++; return p }, "INDEX_DIFFERS INDEX_DIFFERS", "no record with it"},
		{"a key too much", true, func(p []byte) []byte {
			return append(p, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)
		}, "INDEX_DIFFERS", "no record with it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := makeStore(t, 210, nil)
			changeKeys(t, dir, tt.sound, tt.change)
			_, found := verify(t, dir)
			var kinds, reasons []string
			for _, f := range found {
				kinds, reasons = append(kinds, string(f.Kind)), append(reasons, f.Reason)
			}
			if got := strings.Join(kinds, " "); got != tt.want || !strings.Contains(strings.Join(reasons, "\n"), tt.words) {
				t.Errorf("found %s\nwant  %s, with %q\n%+v", got, tt.want, tt.words, found)
			}
		})
	}
}

// Of keys that are all missing some are told and the others counted.
func TestManyMissingKeys(t *testing.T) {
	dir := makeStore(t, 2000, func(o *store.Options) { o.ChunkBytes = 1 << 20 })
	changeKeys(t, dir, true, func(p []byte) []byte { return p[:8] })
	s, found := verify(t, dir)
	if len(found) != 16 || found[0].Kind != folder.IndexDiffers || s.Untold < 1000 {
		t.Errorf("%d are told and %d counted, want 16 and more than 1000", len(found), s.Untold)
	}
}
