package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"pairmq/daemon/broker"
	"pairmq/hal/disk"
	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

// testSegment is the segment size of real stores in these tests.
const testSegment = 64 << 10

// A realBroker is a broker of ours over a real store, in this process.
type realBroker struct {
	addr  string
	store *store.Store
	stop  func() // leaves a clean folder
}

// startBroker starts one on the folder dir, with topics of two queues each.
func startBroker(t *testing.T, dir string, topics ...string) *realBroker {
	t.Helper()
	fsys, err := disk.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b *broker.Broker
	st, err := store.Open(store.Options{FS: fsys, SegmentSize: testSegment, SyncFlush: true, ChunkBytes: 16 << 10, JournalBytes: 64 << 10, RecordCRC: true, IndexNoSync: true,
		Arrived: func(a []store.Arrival) { b.Arrived(a) }})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &realBroker{addr: ln.Addr().String(), store: st}
	if b, err = broker.New(broker.Options{Store: st, Name: "box", Addr: netip.MustParseAddrPort(r.addr), Check: r.checkPieces}); err != nil {
		t.Fatal(err)
	}
	for _, name := range topics {
		if err := st.PutTopic(table.Topic{Name: name, ReadQueueNums: 2, WriteQueueNums: 2, Perm: 6, FilterType: "SINGLE_TAG"}); err != nil {
			t.Fatal(err)
		}
	}
	srv := remoting.NewServer(remoting.ServerOptions{Handler: b, OnClose: b.Closed})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 3)
	go func() { ended <- st.Run(ctx) }()
	go func() { ended <- b.Run(ctx) }()
	go func() { ended <- srv.Serve(context.Background(), ln) }()
	r.stop = sync.OnceFunc(func() {
		err := srv.Shutdown(context.Background())
		cancel()
		if err := errors.Join(err, <-ended, <-ended, <-ended, st.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// put stores n messages, over topics and queues in turn.
func (r *realBroker) put(t *testing.T, n int, topics ...string) {
	t.Helper()
	for i := range n {
		m := record.Message{
			Topic: topics[i%len(topics)], QueueID: int32(i / len(topics) % 2), Flag: 7, BornTimestamp: storeTime + int64(i), BornHost: netip.MustParseAddrPort("192.0.2.7:4711"),
			Body: fmt.Appendf(nil, "body %d\xff%0*d", i, i*37%900, 0), ReconsumeTimes: int32(i % 3),
			Properties: fmt.Sprintf("b\x01%d\x02a\x01<&>\x02KEYS\x01k%d\x02TAGS\x01t\x02UNIQ_KEY\x01%032X", i, i, i),
		}
		if i%5 == 0 {
			m.SysFlag = record.SysCompressed // of whatever: nobody looks
		}
		done := make(chan error, 1)
		if err := r.store.Put([]record.Message{m}, func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// deadStore is the folder of a store with n messages in two topics, after a clean stop.
func deadStore(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	r := startBroker(t, dir, "Orders", "Alarms")
	r.put(t, n, "Orders", "Alarms")
	r.stop()
	return dir
}

// damageRecord flips a byte in the body of the record at position at of a store's first
// segment, where 0 is the first, and returns where it lies and its size.
func damageRecord(t *testing.T, dir string, number int) (off, size int) {
	t.Helper()
	file := filepath.Join(dir, "commitlog", fmt.Sprintf("%020d", 0))
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for ; ; number-- {
		v, err := record.Parse(b[off:], record.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if size = v.Size(); number == 0 {
			break
		}
		off += size
	}
	b[off+100] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return off, size
}
