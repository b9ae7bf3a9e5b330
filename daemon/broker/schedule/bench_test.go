package schedule

import (
	"slices"
	"testing"
	"time"

	"pairmq/hal/disk"
)

// BenchmarkLateness stores messages for one second, one after the other, each synced,
// and says by how much their deliveries are stored later than they were due.
func BenchmarkLateness(b *testing.B) {
	fs, err := disk.OS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	r := &rig{t: b, fs: fs, levels: []time.Duration{time.Second}}
	r.mustStart()
	n := 0
	for b.Loop() {
		m := r.later(2*n, 1)
		r.mustPut(m)
		n++
	}
	for r.st.MaxOffset("T", 0) < int64(n) { // the last are due in a second
		r.mustPut(noise())
	}
	var late []int64
	for i, m := range r.queue("T", 0) {
		stamp, err := r.st.StoreTimestamp(Topic, 0, int64(i))
		if err != nil {
			b.Fatal(err)
		}
		late = append(late, m.StoreTimestamp-stamp-1000)
	}
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)/2]), "ms-late-median")
	b.ReportMetric(float64(late[len(late)*99/100]), "ms-late-p99")
	r.mustStop()
}
