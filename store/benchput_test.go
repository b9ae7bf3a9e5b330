package store_test

import (
	"strings"
	"sync"
	"testing"

	"pairmq/hal/disk"
	"pairmq/store"
	"pairmq/store/record"
)

// BenchmarkPut stores messages of 128 bytes, 256 in flight, without a sync each:
// what a send costs in the store.
func BenchmarkPut(b *testing.B) {
	for _, tt := range []struct {
		name  string
		quota func(topic string) int64
	}{
		{"no quotas", nil},
		{"quotas of others", func(topic string) int64 {
			if strings.HasPrefix(topic, "Debug") {
				return 1 << 20
			}
			return 0
		}},
		{"a quota", func(string) int64 { return 1 << 40 }},
	} {
		b.Run(tt.name, func(b *testing.B) {
			fs, err := disk.OS(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			opts := options(fs, false)
			opts.SegmentSize, opts.ChunkBytes = 16<<20, 0
			opts.MaxBytes, opts.Quota = 256<<20, tt.quota
			benchPut(b, opts)
		})
	}
}

func benchPut(b *testing.B, opts store.Options) {
	r, err := start(opts)
	if err != nil {
		b.Fatal(err)
	}
	m := message(0, 1)
	m.Body = make([]byte, 128)
	slots := make(chan []record.Message, 256)
	for range cap(slots) {
		slots <- sliceOf(m)
	}
	var failed sync.Once
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		ms := <-slots
		err := r.Put(ms, func(err error) {
			if err != nil {
				failed.Do(func() { b.Error(err) })
			}
			slots <- ms
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for range cap(slots) {
		<-slots
	}
	b.StopTimer()
	if err := r.stop(); err != nil {
		b.Fatal(err)
	}
}
