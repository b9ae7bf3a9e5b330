package store_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pairmq/hal/disk"
	"pairmq/store"
	"pairmq/store/record"
)

// benchLog is how long the log of a benchmark is, in bytes: some chunks of the
// index, and more than one segment.
const benchLog = 160 << 20

// BenchmarkRecoverWithoutIndex opens a store whose index is gone, as fast as the
// disk gives its log.
func BenchmarkRecoverWithoutIndex(b *testing.B) {
	for _, size := range []int{128, 1024} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			fs, err := disk.OS(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			opts := store.Options{FS: fs, RecordCRC: size > 128}
			end := fillWith(b, opts, size)
			b.SetBytes(end)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				if err := fs.Remove("meta.db"); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				s, err := store.Open(opts)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if got := s.Stats().MaxPhyOffset; got != end {
					b.Fatalf("the log ends at %d, want %d", got, end)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// fillWith stores messages whose records have so many bytes, with key and tags, and
// returns where the log ends.
func fillWith(b *testing.B, opts store.Options, size int) int64 {
	b.Helper()
	r, err := start(opts)
	if err != nil {
		b.Fatal(err)
	}
	const queues, batch = 4, 512
	ms, answered := make([]record.Message, batch), make(chan error, 1)
	for n := 0; r.Stats().MaxPhyOffset < benchLog; n++ {
		for i := range ms {
			ms[i] = meterMessage(n*batch+i, size, opts.RecordCRC)
			ms[i].QueueID = int32(n % queues)
		}
		if err := r.Put(ms, func(err error) { answered <- err }); err != nil {
			b.Fatal(err)
		}
		if err := <-answered; err != nil {
			b.Fatal(err)
		}
	}
	end := r.Stats().MaxPhyOffset
	if err := r.stop(); err != nil {
		b.Fatal(err)
	}
	return end
}

// meterMessage is the n-th message; its record has size bytes.
func meterMessage(n, size int, withCRC bool) record.Message {
	m := record.Message{
		Topic: "Meter", BornTimestamp: int64(n), BornHost: netip.MustParseAddrPort("10.0.0.9:4242"),
		Properties: fmt.Sprintf("TAGS\x01Ok\x02KEYS\x01%012d\x02", n),
	}
	if size > 128 {
		m.Properties = fmt.Sprintf("UNIQ_KEY\x01%032X\x02WAIT\x01true\x02CLUSTER\x01DefaultCluster\x02%s", n, m.Properties)
	}
	measure := record.Size
	if withCRC {
		measure = record.SizeCRC
	}
	least, err := measure(&m)
	if err != nil || least > size {
		panic(fmt.Sprintf("no record of %d bytes: %d, %v", size, least, err))
	}
	m.Body = []byte(strings.Repeat("x", size-least))
	return m
}
