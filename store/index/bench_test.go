package index

import (
	"fmt"
	"testing"
)

// feed applies n ordinary records over some queues and returns the log's end.
func feed(x *Index, n, queues int, keys []uint32) int64 {
	handles := make([]*Queue, queues)
	for i := range handles {
		handles[i] = x.Queue("BenchmarkTopic", int32(i))
	}
	const size = 1024
	for i := range n {
		x.ApplyTo(handles[i%queues], Record{PhyOffset: int64(i) * size, Size: size, QueueOffset: int64(i / queues),
			TagsCode: 2598919, StoreTimestamp: int64(i), Keys: keys})
	}
	return int64(n) * size
}

func BenchmarkApply(b *testing.B) {
	for _, by := range []string{"name", "handle"} {
		b.Run(by, func(b *testing.B) {
			x := openOS(b, b.TempDir(), nil)
			defer closeIndex(b, x)
			const queues, size = 64, 1024
			handles := make([]*Queue, queues)
			for i := range handles {
				handles[i] = x.Queue("BenchmarkTopic", int32(i))
			}
			keys := []uint32{1}
			b.ReportAllocs()
			i := int64(0)
			for b.Loop() {
				r := Record{PhyOffset: i * size, Size: size, Topic: "BenchmarkTopic", QueueID: int32(i % queues), QueueOffset: i / queues,
					TagsCode: 2598919, StoreTimestamp: i, Keys: keys}
				if by == "name" {
					x.Apply(r)
				} else {
					x.ApplyTo(handles[i%queues], r)
				}
				if i++; i%(1<<20) == 0 { // nothing seals here, so memory has to be let go
					b.StopTimer()
					if err := x.Truncate(0); err != nil {
						b.Fatal(err)
					}
					i = 0
					b.StartTimer()
				}
			}
		})
	}
}

func BenchmarkRange(b *testing.B) {
	for _, where := range []string{"tail", "sealed"} {
		for _, n := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/%d", where, n), func(b *testing.B) {
				x := openOS(b, b.TempDir(), nil)
				defer closeIndex(b, x)
				end := feed(x, 16000, 8, []uint32{7})
				if where == "sealed" {
					if err := x.SealAll(end); err != nil {
						b.Fatal(err)
					}
				}
				units := make([]Unit, n)
				b.ReportAllocs()
				from := int64(0)
				for b.Loop() {
					if got, ok := x.Range("BenchmarkTopic", 3, from, units); got != n || !ok {
						b.Fatalf("Range(%d) = %d, %v", from, got, ok)
					}
					from = (from + 97) % 1900
				}
			})
		}
	}
}

// BenchmarkRangeWhileApplying reads the tail while records come in.
func BenchmarkRangeWhileApplying(b *testing.B) {
	x := openOS(b, b.TempDir(), nil)
	defer closeIndex(b, x)
	feed(x, 16000, 8, nil)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := int64(16000); ; i++ {
			select {
			case <-stop:
				return
			default:
				x.Apply(Record{PhyOffset: i * 1024, Size: 1024, Topic: "BenchmarkTopic", QueueID: int32(i % 8), QueueOffset: i / 8})
			}
		}
	}()
	units := make([]Unit, 32)
	for b.Loop() {
		x.Range("BenchmarkTopic", 3, 100, units)
	}
	close(stop)
	<-done
}

func BenchmarkSeal(b *testing.B) {
	x := openOS(b, b.TempDir(), nil)
	defer closeIndex(b, x)
	const records, size = 16384, 1024
	i := int64(0)
	for b.Loop() {
		for range records {
			x.Apply(Record{PhyOffset: i * size, Size: size, Topic: "BenchmarkTopic", QueueID: int32(i % 64), QueueOffset: i / 64, Keys: []uint32{uint32(i * 2654435761)}})
			i++
		}
		if err := x.SealAll(i * size); err != nil {
			b.Fatal(err)
		}
		if err := x.DropBefore(i*size - 8*records*size); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(records), "records/op")
}

func BenchmarkCommitOffset(b *testing.B) {
	x := openOS(b, b.TempDir(), nil)
	defer closeIndex(b, x)
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		x.CommitOffset("GroupTest", "BenchmarkTopic", int32(i%64), i)
		i++
	}
}

// BenchmarkOpen opens the index of 256 MiB of log.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	x := openOS(b, dir, nil)
	end := feed(x, 256<<10, 64, []uint32{7})
	if err := x.SealAll(end); err != nil {
		b.Fatal(err)
	}
	closeIndex(b, x)
	b.ReportAllocs()
	for b.Loop() {
		closeIndex(b, openOS(b, dir, nil))
	}
}
