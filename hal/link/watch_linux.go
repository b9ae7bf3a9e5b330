package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// settleTime is how long changes are collected: a cable that is plugged in comes
// up, goes down and comes up again.
const settleTime = 200 * time.Millisecond

// errLagged says that the kernel had more to tell than was read.
var errLagged = errors.New("link: changes of links were missed")

// Watch calls changed when a link has come up or an address has arrived, as the
// kernel tells it, until ctx ends; then it returns nil. Several at once are one
// call. It fails if the kernel tells nothing (any more): call it again, and take
// it that something has changed.
func Watch(ctx context.Context, changed func()) error {
	done := make(chan struct{})
	defer close(done) // then the channels are closed as well
	links, addrs := make(chan netlink.LinkUpdate), make(chan netlink.AddrUpdate)
	if err := netlink.LinkSubscribeWithOptions(links, done, netlink.LinkSubscribeOptions{ListExisting: true}); err != nil {
		return fmt.Errorf("link: subscribe to changes of links: %w", err)
	}
	defer func() { go drain(links) }()
	if err := netlink.AddrSubscribe(addrs, done); err != nil {
		return fmt.Errorf("link: subscribe to changes of addresses: %w", err)
	}
	defer func() { go drain(addrs) }()
	w := watch{running: map[int32]bool{}}
	settled := time.NewTimer(0)
	settled.Stop()
	for {
		news := false
		select {
		case <-ctx.Done():
			return nil
		case u, ok := <-links:
			if !ok {
				return errLagged
			}
			news = w.link(u.Index, u.Header.Type == unix.RTM_DELLINK, u.Flags)
		case u, ok := <-addrs:
			if !ok {
				return errLagged
			}
			news = u.NewAddr && u.Scope < unix.RT_SCOPE_LINK
		case <-settled.C:
			changed()
		}
		if news {
			settled.Reset(settleTime)
		}
	}
}

// drain lets who still writes to c come to its end.
func drain[T any](c <-chan T) {
	for range c {
	}
}

// A watch knows which links carry packets.
type watch struct{ running map[int32]bool }

// link notes the state of a link and says whether it has just come up.
func (w *watch) link(index int32, deleted bool, flags uint32) (up bool) {
	const carrier = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP
	if deleted {
		delete(w.running, index)
		return false
	}
	now := flags&carrier == carrier && flags&unix.IFF_LOOPBACK == 0
	up = now && !w.running[index]
	w.running[index] = now
	return up
}
