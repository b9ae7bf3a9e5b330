package replica_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"pairmq/hal/disk"
	"pairmq/replica"
	"pairmq/replica/proof"
	"pairmq/store"
	"pairmq/store/record"
)

// benchLog is how much log BenchmarkReplicate copies, in bytes.
const benchLog = 256 << 20

// A benchStore is a store on the real disk.
type benchStore struct {
	*store.Store
	stop func()
}

func openBench(b *testing.B, o store.Options) *benchStore {
	b.Helper()
	fsys, err := disk.OS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	o.FS = fsys
	st, err := store.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := st.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	return &benchStore{st, func() {
		cancel()
		running.Wait()
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	}}
}

func benchMessage(size int) record.Message {
	return record.Message{Topic: "T", BornHost: netip.MustParseAddrPort("127.0.0.1:1"), Body: make([]byte, size), Properties: "UNIQ_KEY\x017F00000100002A9F45E20A8B12340000\x02"}
}

// serveBench lets slaves follow st over TCP on loopback.
func serveBench(b *testing.B, st *store.Store, acks *replica.Acks, grown *func(int64), trust replica.Trust) (addr string, stop func()) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	m := replica.NewMaster(replica.MasterOptions{Source: st, Acks: acks, Trust: trust})
	m.Ours(netip.MustParseAddr("127.0.0.1"))
	*grown = func(end int64) { m.Grown(); acks.Confirmed(end) }
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = m.Serve(ctx, ln) })
	running.Go(func() { _ = acks.Run(ctx) })
	return ln.Addr().String(), func() { cancel(); running.Wait() }
}

// benchTrust has a secret, and takes everybody without one as well.
func benchTrust(b *testing.B) replica.Trust {
	b.Helper()
	key, err := proof.NewKey([]byte("0123456789abcdef"))
	if err != nil {
		b.Fatal(err)
	}
	seal, err := proof.NewSeal()
	if err != nil {
		b.Fatal(err)
	}
	return replica.Trust{Key: key, Seal: seal, Claim: func() proof.Claim { return proof.Claim{} }}
}

// followBench runs a slave of addr.
// reached is closed when it has all before end.
func followBench(b *testing.B, addr string, o store.Options, end int64, trust replica.Trust) (reached chan struct{}, stop func()) {
	b.Helper()
	var s *replica.Slave
	var once sync.Once
	reached = make(chan struct{})
	o.Copy, o.Grown = true, func(now int64) { // nothing grows before s is there and runs
		s.Grown()
		if now >= end {
			once.Do(func() { close(reached) })
		}
	}
	st := openBench(b, o)
	s = replica.NewSlave(replica.SlaveOptions{Log: st.Follow(), Master: func() string { return addr }, Trust: trust})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	return reached, func() { cancel(); running.Wait(); st.stop() }
}

// BenchmarkReplicate copies a log to a new slave over loopback: received,
// checked, indexed and on flash, by itself, proven and under TLS, beside bare copies of as many bytes: into a
// reader that forgets them, and into one that only writes them down.
func BenchmarkReplicate(b *testing.B) {
	var grown func(int64)
	master := openBench(b, store.Options{Grown: func(end int64) { grown(end) }})
	defer master.stop()
	acks := replica.NewAcks(replica.AcksOptions{Release: func(int64, error) {}})
	trust := benchTrust(b)
	addr, stop := serveBench(b, master.Store, acks, &grown, trust)
	defer stop()
	var sent sync.WaitGroup
	for range benchLog / 4096 {
		sent.Add(1)
		if err := master.Put([]record.Message{benchMessage(3900)}, func(error) { sent.Done() }); err != nil {
			b.Fatal(err)
		}
	}
	sent.Wait()
	end := master.Confirmed()
	for _, syncFlush := range []bool{true, false} {
		b.Run(fmt.Sprintf("SyncFlush=%v", syncFlush), func(b *testing.B) {
			b.SetBytes(end)
			for b.Loop() {
				reached, stop := followBench(b, addr, store.Options{SyncFlush: syncFlush}, end, replica.Trust{})
				<-reached
				b.StopTimer()
				stop()
				b.StartTimer()
			}
		})
	}
	trust.Plain = func(netip.Addr, netip.Addr) bool { return false }
	b.Run("secret", func(b *testing.B) {
		b.SetBytes(end)
		for b.Loop() {
			reached, stop := followBench(b, addr, store.Options{SyncFlush: true}, end, trust)
			<-reached
			b.StopTimer()
			stop()
			b.StartTimer()
		}
	})
	for _, keeps := range []bool{false, true} {
		b.Run(fmt.Sprintf("bare/keeps=%v", keeps), func(b *testing.B) { bareCopy(b, end, keeps) })
	}
}

// bareCopy sends a file of n bytes over loopback with sendfile, into a reader
// that forgets them, or keeps them in segments and syncs each when it is full.
func bareCopy(b *testing.B, n int64, keeps bool) {
	f, err := os.CreateTemp(b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, n)); err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	fsys, err := disk.OS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(n)
	for b.Loop() {
		got := make(chan error, 1)
		go func() {
			c, err := ln.Accept()
			if err == nil && keeps {
				err = keep(fsys, c)
			} else if err == nil {
				_, err = io.Copy(io.Discard, c)
			}
			got <- err
		}()
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(c, f); err != nil { // sendfile
			b.Fatal(err)
		}
		_ = c.Close() // written
		if err := <-got; err != nil {
			b.Fatal(err)
		}
	}
}

// keep writes what comes to segments as a log has them, one after the other.
func keep(fsys disk.FS, in io.Reader) error {
	const segment = 64 << 20
	buf := make([]byte, 1<<20)
	for i := 0; ; i++ {
		f, err := fsys.Create(fmt.Sprintf("%d", i))
		if err != nil {
			return err
		}
		if err := f.Allocate(segment); err != nil {
			return err
		}
		for at := int64(0); at < segment; {
			n, err := io.ReadFull(in, buf)
			if _, werr := f.WriteAt(buf[:n], at); werr != nil {
				return werr
			}
			if at += int64(n); err != nil { // the end
				return f.Datasync()
			}
		}
		if err := errors.Join(f.Datasync(), f.Close()); err != nil {
			return err
		}
	}
}

// BenchmarkSyncMaster is the time until OK, one message after the other: of a
// master alone, of one that waits for a slave, and, to compare, of two syncs.
func BenchmarkSyncMaster(b *testing.B) {
	for _, waits := range []bool{false, true} {
		b.Run(fmt.Sprintf("waits=%v", waits), func(b *testing.B) {
			var grown func(int64)
			var master *benchStore
			acks := replica.NewAcks(replica.AcksOptions{Release: func(end int64, err error) { master.Release(end, err) }})
			master = openBench(b, store.Options{SyncFlush: true, Hold: waits, Grown: func(end int64) {
				if waits {
					grown(end)
				}
			}})
			defer master.stop()
			if waits {
				addr, stop := serveBench(b, master.Store, acks, &grown, replica.Trust{})
				defer stop()
				_, unfollow := followBench(b, addr, store.Options{SyncFlush: true}, 0, replica.Trust{})
				defer unfollow()
			}
			done := make(chan error, 1)
			var times []time.Duration
			for b.Loop() {
				start := time.Now()
				if err := master.Put([]record.Message{benchMessage(1024)}, func(err error) { done <- err }); err != nil {
					b.Fatal(err)
				}
				<-done // the first may have no slave yet
				times = append(times, time.Since(start))
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
		})
	}
}
