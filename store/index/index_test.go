package index

import (
	"testing"
	"time"

	"pairmq/hal/disk"
)

// openOS opens an index on the real file system, without syncs.
func openOS(t testing.TB, dir string, change func(*Options)) *Index {
	t.Helper()
	fs, err := disk.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	return openFS(t, fs, change)
}

func openFS(t testing.TB, fs disk.FS, change func(*Options)) *Index {
	t.Helper()
	o := Options{FS: fs, NoSync: true, JournalBytes: 64 << 10}
	if change != nil {
		change(&o)
	}
	x, err := Open(o)
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	return x
}

func closeIndex(t testing.TB, x *Index) {
	t.Helper()
	if err := x.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	x := openOS(t, dir, func(o *Options) { o.ChunkRecords = 1000 })
	const records, size = 5500, 100
	for i := range int64(records) {
		x.Apply(Record{PhyOffset: i * size, Size: size, Topic: "T", QueueID: int32(i % 3), QueueOffset: i / 3,
			TagsCode: i, StoreTimestamp: 1000 + i, Keys: []uint32{uint32(i)}})
	}
	if err := x.Seal(4990 * size); err != nil {
		t.Fatal(err)
	}
	if got := x.Checkpoint(); got != 4000*size {
		t.Errorf("Checkpoint = %d, want %d: the last whole chunk that is durable", got, 4000*size)
	}
	x.CommitOffset("G", "T", 0, 7)
	if err := x.SealAll(records * size); err != nil {
		t.Fatal(err)
	}
	closeIndex(t, x)
	x = openOS(t, dir, nil)
	defer closeIndex(t, x)
	units := make([]Unit, 2000)
	if n, ok := x.Range("T", 1, 0, units); n != 1833 || !ok || units[1832] != (Unit{549700, size, 5497}) {
		t.Errorf("Range = %d, %v, last %v, want 1833 units, the last at 549700", n, ok, units[1832])
	}
	if first, end, ok := x.Bounds("T", 1); first != 0 || end != 1833 || !ok {
		t.Errorf("Bounds = %d, %d, %v, want 0, 1833", first, end, ok)
	}
	if got := x.FindKeys(77, 0, 1<<60, 10); len(got) != 1 || got[0] != 7700 {
		t.Errorf("FindKeys(77) = %d, want 7700", got)
	}
	if got, ok := x.Offset("G", "T", 0); got != 7 || !ok {
		t.Errorf("Offset = %d, %v, want 7", got, ok)
	}
	if x.Checkpoint() != records*size || x.Rebuilt() {
		t.Errorf("Checkpoint = %d, Rebuilt = %v, want %d, false", x.Checkpoint(), x.Rebuilt(), records*size)
	}
}

// ticking is a clock that goes on by a minute with each look at it.
func ticking() func() time.Time {
	now := time.UnixMilli(1_800_000_000_000)
	return func() time.Time {
		now = now.Add(time.Minute)
		return now
	}
}
