package store_test

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

// TestPiecesOfEverySize: it does not matter where a log is cut.
func TestPiecesOfEverySize(t *testing.T) {
	m := masterOf(t, 0, 100)
	log, want := rawLog(t, m.ReadRaw, 0, m.Confirmed()), snapshot(t, m.Store, queues)
	for _, size := range []int{1, 2, 7, 8, 9, 91, 1000, 5000, segment, len(log)} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := mustStart(t, copyOptions(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true))
			defer r.stop()
			f := r.Follow()
			for piece := range slices.Chunk(log, size) {
				if err := f.AppendRaw(f.End(), piece); err != nil {
					t.Fatal(err)
				}
			}
			settle(t, r.Store, f)
			if got := snapshot(t, r.Store, queues); !maps.EqualFunc(got, want, slices.Equal) {
				t.Errorf("a consumer sees\n%v\nwant\n%v", got, want)
			}
		})
	}
}

// TestNoFillerIsShorterThanItsHead: no broker leaves less room at the end of a
// segment, and one cut there would reach into the next.
func TestNoFillerIsShorterThanItsHead(t *testing.T) {
	const rest = 4
	msg := record.Message{Topic: "T", BornHost: netip.MustParseAddrPort("127.0.0.1:1"), StoreHost: netip.MustParseAddrPort("127.0.0.1:1")}
	msg.Body = make([]byte, segment-rest-len(record.Append(nil, &msg)))
	log := append(record.Append(nil, &msg), 0, 0, 0, rest, 0xcb, 0xd4, 0x31, 0x94)
	for _, cut := range []int{0, 1, segment - rest, segment - rest + 2, segment} {
		r := mustStart(t, copyOptions(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true))
		f := r.Follow()
		err := f.AppendRaw(0, log[:cut])
		if err == nil {
			err = f.AppendRaw(int64(cut), log[cut:])
		}
		if !errors.Is(err, store.ErrNotLog) {
			t.Errorf("cut at %d: %v, want ErrNotLog", cut, err)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	}
}
