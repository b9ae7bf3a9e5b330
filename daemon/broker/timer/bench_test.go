package timer

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"pairmq/hal/disk"
	"pairmq/store"
	"pairmq/store/record"
)

// BenchmarkMillionTimers has a million messages wait, due at random from an hour to three days,
// and says what that takes: to put one and have its timer in the file, of heap and of
// the file, to open it again, to read all anew as a slave does that becomes master, and
// to look for the oldest.
func BenchmarkMillionTimers(b *testing.B) {
	const all, hour = 1_000_000, 3600 * 1000 // ms; none is due before the end
	dir := b.TempDir()
	fs, err := disk.OS(dir)
	if err != nil {
		b.Fatal(err)
	}
	start := func() (st *store.Store, s *Service, stop func()) {
		var came func([]store.Arrival)
		st, err := store.Open(store.Options{FS: fs, RecordCRC: true, FlushInterval: 100 * time.Millisecond, Arrived: func(a []store.Arrival) { came(a) }})
		if err != nil {
			b.Fatal(err)
		}
		if s, err = New(Options{Store: st}); err != nil {
			b.Fatal(err)
		}
		came = s.Arrived
		front, stopFront := context.WithCancel(b.Context())
		back, stopBack := context.WithCancel(b.Context())
		var served, stored sync.WaitGroup
		stored.Go(func() { _ = st.Run(back) })
		served.Go(func() { _ = s.Run(front) })
		return st, s, func() {
			stopFront()
			served.Wait()
			stopBack()
			stored.Wait()
			if err := st.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
	settled := func(s *Service) { // everything is entered
		for n, _ := s.Pending(); n < all; n, _ = s.Pending() {
			runtime.Gosched()
			time.Sleep(time.Millisecond)
		}
	}
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	for b.Loop() {
		st, s, stop := start()
		before, began := heap(), time.Now()
		var done sync.WaitGroup
		for n := range all {
			m := record.Message{
				Topic: "T", BornHost: netip.MustParseAddrPort("10.0.0.1:4711"), Body: []byte("0123456789"),
				Properties: fmt.Sprintf("UNIQ_KEY\x01%032d\x02%s\x01%d", n, PropertyDelayMs, hour+uint64(n)*2_654_435_761%(threeDays-hour)),
			}
			if _, err := Defer(&m, time.Now().UnixMilli(), threeDays, 1000); err != nil {
				b.Fatal(err)
			}
			done.Add(1)
			if err := st.Put([]record.Message{m}, func(error) { done.Done() }); err != nil {
				b.Fatal(err)
			}
		}
		done.Wait()
		settled(s)
		b.ReportMetric(float64(time.Since(began).Microseconds())/all, "us-put")
		b.ReportMetric(heap()-before, "MiB-heap")
		_, bytes := s.Pending()
		b.ReportMetric(float64(bytes)/all, "B-record")
		stop()
		if info, err := os.Stat(filepath.Join(dir, "meta.db")); err != nil {
			b.Error(err)
		} else {
			b.ReportMetric(float64(info.Size())/(1<<20), "MiB-file")
		}
		began = time.Now()
		st, s, stop = start()
		settled(s)
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms-open")
		began = time.Now()
		if _, err := st.OldestTimers(rollTimers); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms-oldest")
		if err := st.ForgetTimers(); err != nil {
			b.Fatal(err)
		}
		stop()
		if st, err = store.Open(store.Options{FS: fs, RecordCRC: true}); err != nil {
			b.Fatal(err)
		}
		if err := st.ForgetTimers(); err != nil { // what the stop has written
			b.Fatal(err)
		}
		if err := st.Close(); err != nil {
			b.Fatal(err)
		}
		began = time.Now()
		_, s, stop = start()
		settled(s)
		b.ReportMetric(time.Since(began).Seconds(), "s-anew")
		stop()
	}
}
