package transaction

import (
	"testing"
	"time"

	"pairmq/hal/disk"
)

// BenchmarkCommit stores halves and commits them, one after the other, each synced.
func BenchmarkCommit(b *testing.B) {
	fs, err := disk.OS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	r := &rig{t: b, fs: fs}
	r.mustStart()
	for r.end(r.mustPut(newHalf(0, "")), true) != nil { // until it is ready
		time.Sleep(time.Millisecond)
	}
	n := 1
	for b.Loop() {
		if err := r.end(r.mustPut(newHalf(n, "")), true); err != nil {
			b.Fatal(err)
		}
		n++
	}
	r.mustStop()
}
