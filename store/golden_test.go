package store_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"pairmq/hal/disk"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/table"
)

// The folders in testdata/golden were written by versions that are in the field;
// beside each is a list of what consumers see in it. A change of formats that
// breaks one of them breaks an update of the firmware. New ones are made with
//
//	go test ./store -run TestGolden -golden.write NAME
//
// and never changed.
var goldenWrite = flag.String("golden.write", "", "make testdata/golden/NAME.tar.gz")

const goldenDir = "testdata/golden"

// describe lists what is in a store, as text.
func describe(t *testing.T, s *store.Store) string {
	t.Helper()
	var b strings.Builder
	all := snapshot(t, s, queues)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "queue %s from %d: %s\n", key, s.MinOffset(strings.Split(key, "/")[0], int32(key[len(key)-1]-'0')), strings.Join(all[key], ", "))
	}
	topics, version := s.Topics()
	fmt.Fprintf(&b, "topics %d\n", version.Counter)
	for _, tp := range topics {
		fmt.Fprintf(&b, "topic %+v\n", tp)
	}
	groups, version := s.Groups()
	fmt.Fprintf(&b, "groups %d\n", version.Counter)
	for _, g := range groups {
		fmt.Fprintf(&b, "group %+v\n", g)
	}
	for q := range int32(queues) {
		offset, ok := s.Offset("group", "Topic0", q)
		fmt.Fprintf(&b, "offset of queue %d: %d %t\n", q, offset, ok)
	}
	fmt.Fprintf(&b, "value %q\n", s.Value("golden"))
	return b.String()
}

// TestGolden opens each of the folders with this version: after a clean stop, and
// after a kill. All is there, and life goes on.
func TestGolden(t *testing.T) {
	if *goldenWrite != "" {
		writeGolden(t, *goldenWrite)
	}
	all, err := filepath.Glob(goldenDir + "/*.tar.gz")
	if err != nil || len(all) == 0 {
		t.Fatalf("there are no golden folders: %v", err)
	}
	for _, file := range all {
		name := strings.TrimSuffix(filepath.Base(file), ".tar.gz")
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join(goldenDir, name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			fsys := unpack(t, file)
			for run := range 2 { // what this version leaves is read as well
				r := mustStart(t, goldenOptions(fsys))
				if st := r.Stats(); st.ReadOnly {
					t.Fatal("it opens read-only")
				}
				if got := describe(t, r.Store); got != string(want) {
					t.Fatalf("run %d shows\n%s\nwant\n%s", run, got, want)
				}
				if err := r.stop(); err != nil {
					t.Fatal(err)
				}
			}
			r := mustStart(t, goldenOptions(fsys))
			acks, err := putAll(r.Store, 9000, 50, 8, queues)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range acks {
				if err := checkAcked(r.Store, a, queues); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func goldenOptions(fsys disk.FS) store.Options {
	o := options(fsys, true)
	o.IndexNoSync = false
	return o
}

// TestALaterFormatIsRefused: a store that a later version has converted is left as
// it is, and the error names both.
func TestALaterFormatIsRefused(t *testing.T) {
	all, err := filepath.Glob(goldenDir + "/*.tar.gz")
	if err != nil || len(all) == 0 {
		t.Fatalf("there are no golden folders: %v", err)
	}
	fsys := unpack(t, all[0])
	db, err := bolt.Open(fsys.RealPath("meta.db"), 0o600, &bolt.Options{NoFreelistSync: true}) // as the store does
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("state"))
		return b.Put([]byte("format"), formatValue(2))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(fsys.RealPath("meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(goldenOptions(fsys))
	if !errors.Is(err, index.ErrFormat) || !strings.Contains(err.Error(), "format 2, this version reads 1") {
		t.Errorf("it says %v", err)
	}
	if after, err := os.ReadFile(fsys.RealPath("meta.db")); err != nil || string(after) != string(before) {
		t.Errorf("meta.db was changed, %v", err)
	}
}

// formatValue is how the index keeps the number of its format: a checksum of where
// it is and what it is, and the number.
func formatValue(n uint64) []byte {
	value := binary.BigEndian.AppendUint64(nil, n)
	summed := append([]byte("\x00\x05\x00\x06stateformat"), value...)
	return append(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(summed)), value...)
}

// unpack unpacks a golden folder to a new one.
func unpack(t *testing.T, file string) disk.FS {
	t.Helper()
	root := t.TempDir()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for in := tar.NewReader(z); ; {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(root, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		if err == nil {
			err = os.WriteFile(to, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	fsys, err := disk.OS(root)
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

// writeGolden makes NAME, of a store that was stopped, and NAME-killed, of one that
// was not.
func writeGolden(t *testing.T, name string) {
	fsys, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := mustStart(t, goldenOptions(fsys))
	for i := range 3 {
		tp := table.Topic{Name: fmt.Sprintf("Topic%d", i), ReadQueueNums: queues, WriteQueueNums: queues, Perm: 6}
		if err := r.PutTopic(tp); err != nil {
			t.Fatal(err)
		}
	}
	err = r.PutGroup(table.Group{Name: "group", ConsumeEnable: true, RetryMaxTimes: 16, RetryQueueNums: 1})
	if err == nil {
		_, err = putAll(r.Store, 0, 200, 1, queues)
	}
	if err := errors.Join(err, r.SetValue("golden", []byte(name))); err != nil {
		t.Fatal(err)
	}
	r.CommitOffset("group", "Topic0", 0, 7)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r = mustStart(t, goldenOptions(fsys))
	if _, err := putAll(r.Store, 200, 60, 1, queues); err != nil {
		t.Fatal(err)
	}
	text := describe(t, r.Store)
	pack(t, fsys.RealPath(""), name+"-killed", text) // it runs, and nothing moves
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	pack(t, fsys.RealPath(""), name, text)
}

func pack(t *testing.T, root, name, text string) {
	t.Helper()
	if err := os.MkdirAll(goldenDir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(goldenDir, name+".tar.gz"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	z, _ := gzip.NewWriterLevel(f, gzip.BestCompression)
	out := tar.NewWriter(z)
	err = filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err == nil {
			err = out.WriteHeader(&tar.Header{Name: filepath.ToSlash(rel), Mode: 0o600, Size: int64(len(b))})
		}
		if err == nil {
			_, err = out.Write(b)
		}
		return err
	})
	err = errors.Join(err, out.Close(), z.Close(), f.Close(), os.WriteFile(filepath.Join(goldenDir, name+".txt"), []byte(text), 0o644))
	if err != nil {
		t.Fatal(err)
	}
}
