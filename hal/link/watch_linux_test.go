package link

import (
	"context"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestALinkComesUp(t *testing.T) {
	const up, down, lo = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP, unix.IFF_UP, unix.IFF_LOOPBACK
	steps := []struct {
		index   int32
		deleted bool
		flags   uint32
		want    bool
	}{
		{2, false, down, false}, {2, false, up, true}, {2, false, up, false}, {3, false, up, true},
		{2, false, down, false}, {2, false, up, true}, {2, true, up, false}, {2, false, up, true},
		{1, false, up | lo, false},
	}
	w := watch{running: map[int32]bool{}}
	for i, s := range steps {
		if got := w.link(s.index, s.deleted, s.flags); got != s.want {
			t.Errorf("step %d: link(%d, %v, %#x) = %v, want %v", i, s.index, s.deleted, s.flags, got, s.want)
		}
	}
}

// TestWatchHearsTheKernel plugs a cable in, in a network namespace of its own.
func TestWatchHearsTheKernel(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make links")
	}
	runtime.LockOSThread() // it ends with the test's goroutine, and the namespace with it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("needs network namespaces: %v", err)
	}
	cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "here"}, PeerName: "there"}
	if err := netlink.LinkAdd(cable); err != nil {
		t.Fatal(err)
	}
	peer, err := netlink.LinkByName("there")
	if err != nil {
		t.Fatal(err)
	}
	there, err := netlink.NewHandle(unix.NETLINK_ROUTE) // its sockets stay in the namespace
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told, failed := make(chan struct{}, 8), make(chan error, 1)
	go func() {
		defer cancel()
		failed <- plug(there, cable, peer, told)
	}()
	if err := Watch(ctx, func() { told <- struct{}{} }); err != nil {
		t.Error(err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

// plug plugs the cable in, out and in again, and waits until it is told each time that
// it is in.
func plug(h *netlink.Handle, here, there netlink.Link, told <-chan struct{}) error {
	if err := h.LinkSetUp(here); err != nil {
		return err
	}
	for range 2 {
		if err := h.LinkSetUp(there); err != nil {
			return err
		}
		<-told
		if err := h.LinkSetDown(there); err != nil {
			return err
		}
	}
	return nil
}
