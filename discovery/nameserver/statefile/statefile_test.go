package statefile

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"reflect"
	"testing"

	"pairmq/discovery/nameserver"
	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store/table"
)

func sample(n int64) *nameserver.State {
	return &nameserver.State{
		Brokers: []nameserver.BrokerState{{
			Cluster: "C", BrokerName: "box", BrokerID: n, Addr: "10.0.0.1:10911", HAServerAddr: "10.0.0.1:10912", ActingMaster: true,
			Version: table.DataVersion{StateVersion: 1, Timestamp: 2, Counter: 3}, TimeoutMillis: 120_000,
		}},
		Topics:   []nameserver.TopicState{{Topic: "T", BrokerName: "box", Perm: 6, SysFlag: 1, ReadQueueNums: 4, WriteQueueNums: 8}},
		Settings: nameserver.KV{"N": {"k": "v"}, "O": {"": ""}},
	}
}

func newFile(t *testing.T) (*File, disk.FS, *bytes.Buffer) {
	t.Helper()
	fsys, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var notes bytes.Buffer
	return New(fsys, slog.New(slog.NewTextHandler(&notes, nil))), fsys, &notes
}

func TestWhatWasSavedIsLoaded(t *testing.T) {
	f, _, notes := newFile(t)
	if st, err := f.Load(); err != nil || !reflect.DeepEqual(st, &nameserver.State{}) {
		t.Errorf("with no file: %+v, %v", st, err)
	}
	for _, want := range []*nameserver.State{sample(1), sample(2)} {
		if err := f.Save(want); err != nil {
			t.Fatal(err)
		}
		if st, err := f.Load(); err != nil || !reflect.DeepEqual(st, want) {
			t.Errorf("loaded %+v, %v; want %+v", st, err, want)
		}
	}
	if notes.Len() > 0 {
		t.Errorf("it logged %s", notes)
	}
}

// TestADamagedFileIsSetAside: whichever byte of it has changed or is missing.
func TestADamagedFileIsSetAside(t *testing.T) {
	f, fsys, notes := newFile(t)
	if err := f.Save(sample(1)); err != nil {
		t.Fatal(err)
	}
	good := content(t, fsys, Name)
	bad := [][]byte{good[:len(good)-1], append(bytes.Clone(good), 0), nil}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 0x10
		bad = append(bad, b)
	}
	for i, b := range bad {
		notes.Reset()
		if err := disk.Replace(fsys, Name, b); err != nil {
			t.Fatal(err)
		}
		if st, err := f.Load(); err != nil || len(st.Brokers) > 0 {
			t.Fatalf("case %d: loaded %+v, %v", i, st, err)
		}
		if !bytes.Contains(notes.Bytes(), []byte("damaged")) || !bytes.Equal(content(t, fsys, Name+damagedSuffix), b) {
			t.Fatalf("case %d: the file was not kept, or nothing was said: %s", i, notes)
		}
		if _, err := fsys.Open(Name); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("case %d: the file is still there: %v", i, err)
		}
	}
}

func content(t testing.TB, fsys disk.FS, name string) []byte {
	t.Helper()
	file, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := file.ReadAt(b, 0); err != nil && size > 0 {
		t.Fatal(err)
	}
	return b
}

// TestPowerGoesWhileItIsSaved: at every disk operation, the state of before or
// the new one is there, and once Save has returned the new one.
func TestPowerGoesWhileItIsSaved(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	cuts := 0
	for struck, at := true, 1; struck; at++ {
		for seed := range uint64(6) {
			d := diskfault.New(diskfault.Plan{Seed: seed})
			if err := New(d, quiet).Save(sample(1)); err != nil {
				t.Fatal(err)
			}
			d.Arm(diskfault.Plan{Seed: seed, CutAt: at})
			saved := New(d, quiet).Save(sample(2))
			struck = d.Struck()
			st, err := New(d.Restart(), quiet).Load()
			if err != nil || len(st.Brokers) != 1 || saved == nil && st.Brokers[0].BrokerID != 2 {
				t.Errorf("%v: saved %v, loaded %+v, %v", d, saved, st, err)
			}
			if struck {
				cuts++
			}
		}
	}
	if cuts < 24 {
		t.Errorf("the power was cut %d times", cuts)
	}
}

func FuzzDecode(f *testing.F) {
	fsys := diskfault.New(diskfault.Plan{})
	if err := New(fsys, slog.New(slog.DiscardHandler)).Save(sample(1)); err != nil {
		f.Fatal(err)
	}
	f.Add(content(f, fsys, Name))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := decode(b); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("got %v, want ErrDamaged", err)
		}
	})
}
