package corpus

import (
	"hash/crc32"
	"testing"
)

func TestMakeIsDeterministicAndMixed(t *testing.T) {
	count := map[How]int{}
	var large, huge, bytes int
	sum := crc32.NewIEEE()
	for i := range 10000 {
		m := Make(42, i)
		count[m.How]++
		bytes += len(m.Body)
		switch {
		case len(m.Body) < 1 || len(m.Body) > 4<<20:
			t.Fatalf("message %d has %d bytes", i, len(m.Body))
		case len(m.Body) >= 1<<20:
			huge++
		case len(m.Body) >= 4<<10:
			large++
		}
		if m.How == Batch && len(m.Body) > 1000 {
			t.Errorf("message %d of a batch has %d bytes", i, len(m.Body))
		}
		sum.Write(m.Body)
	}
	if count[Sync] != 4000 || count[Async] != 3000 || count[Oneway] != 1000 || count[Batch] != 2000 {
		t.Errorf("mix is %v", count)
	}
	if large < 200 || huge != 6 {
		t.Errorf("%d large and %d huge bodies, want at least 200 and 6", large, huge)
	}
	// What Corpus.java makes has to change with it.
	if got := sum.Sum32(); got != 0xf31cc42e {
		t.Errorf("bodies of seed 42 have CRC %#x in %d bytes", got, bytes)
	}
}
