package store_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

// Bodies of messages too large for the pool are read into buffers that are used again: what one
// consumer still has is not written over by what the next one gets.
func TestGiantBodiesAreNotMixedUp(t *testing.T) {
	opts := options(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true)
	opts.SegmentSize = 32 << 20 // one segment: a busy machine may be slow to make another
	r := mustStart(t, opts)
	rng := rand.NewChaCha8([32]byte{1})
	var bodies [][]byte
	for range 4 {
		b := make([]byte, 4<<20-len(bodies))
		rng.Read(b)
		bodies = append(bodies, b)
		stored := make(chan error, 1)
		m := []record.Message{{Topic: "Giant", BornHost: netip.MustParseAddrPort("10.0.0.9:4242"), Body: b}}
		err := r.Put(m, func(err error) { stored <- err })
		for errors.Is(err, store.ErrBusy) { // a machine that does other things may be slow to write 4 MiB: producers try again, too
			err = r.Put(m, func(err error) { stored <- err })
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := <-stored; err != nil {
			t.Fatal(err)
		}
	}
	var held []store.Result
	for round := range 3 {
		for i, want := range bodies {
			got, err := r.Get("Giant", 0, int64(i), 32, 1<<30, nil)
			if err != nil || got.Status != store.Found {
				t.Fatalf("round %d, message %d: %v, %v", round, i, got.Status, err)
			}
			held = append(held, got)
			if len(held) > 2 {
				held[0].Release()
				held = held[1:]
			}
			for back, h := range held {
				v, err := record.Parse(h.Body, record.Limits{})
				n := (i - (len(held) - 1 - back) + len(bodies)) % len(bodies)
				if err != nil || !bytes.Equal(v.Body(), bodies[n]) {
					t.Errorf("round %d: %d bytes of message %d are not what they were when message %d of %d bytes is read: %v", round, len(v.Body()), n, i, len(want), err)
				}
			}
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// What a producer was answered stays, whatever maxMessageSize says later: a record larger
// than is allowed now is no damage, neither to recovery nor to who reads it.
func TestTheLargestBodyOutlivesACut(t *testing.T) {
	disk := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	opts := options(disk, true)
	opts.SegmentSize = 32 << 20
	r := mustStart(t, opts)
	body := make([]byte, 12<<20) // the most that maxMessageSize may be
	rand.NewChaCha8([32]byte{2}).Read(body)
	stored := make(chan error, 1)
	if err := r.Put([]record.Message{{Topic: "Largest", BornHost: netip.MustParseAddrPort("10.0.0.9:4242"), Body: body}}, func(err error) { stored <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-stored; err != nil {
		t.Fatal(err)
	}
	opts.FS = disk.Restart()
	r.stop() // its error is that it lost its disk
	r = mustStart(t, opts)
	got, err := r.Get("Largest", 0, 0, 32, 1<<30, nil)
	if err != nil || got.Status != store.Found {
		t.Fatalf("after the cut: %v, %v", got.Status, err)
	}
	defer got.Release()
	if v, err := record.Parse(got.Body, record.Limits{Record: store.MaxRecord}); err != nil || !bytes.Equal(v.Body(), body) {
		t.Errorf("after the cut: %d bytes of body, want %d: %v", len(v.Body()), len(body), err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}
