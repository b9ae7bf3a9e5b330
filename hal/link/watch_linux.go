package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// errLagged says that the kernel had more to tell than was read.
var errLagged = errors.New("link: changes of links were missed")

// Watch calls changed when a link has come up, an address has arrived or the way
// to somewhere is another, as the kernel tells it, until ctx ends; then it returns
// nil. What has gone is told as well, a second later if nothing came in its place. Several at
// once are one call. It fails if the kernel tells nothing (any more): call it again, and
// take it that something has changed.
func Watch(ctx context.Context, changed func()) error {
	done := make(chan struct{})
	defer close(done) // then the channels are closed as well
	f := feed{links: make(chan netlink.LinkUpdate), addrs: make(chan netlink.AddrUpdate), routes: make(chan netlink.RouteUpdate)}
	// Its option to list what exists sends to the group, for which the kernel wants
	// CAP_NET_ADMIN: they are asked for below.
	if err := netlink.LinkSubscribe(f.links, done); err != nil {
		return fmt.Errorf("link: subscribe to changes of links: %w", err)
	}
	defer func() { go drain(f.links) }()
	if err := netlink.AddrSubscribe(f.addrs, done); err != nil {
		return fmt.Errorf("link: subscribe to changes of addresses: %w", err)
	}
	defer func() { go drain(f.addrs) }()
	if err := netlink.RouteSubscribe(f.routes, done); err != nil {
		return fmt.Errorf("link: subscribe to changes of routes: %w", err)
	}
	defer func() { go drain(f.routes) }()
	existing, err := netlink.LinkList() // last, so that what changes from here on is told
	if err != nil {
		return fmt.Errorf("link: list the links: %w", err)
	}
	f.existing = existing
	return f.follow(ctx, changed)
}

// drain lets who still writes to c come to its end.
func drain[T any](c <-chan T) {
	for range c {
	}
}

// A feed is what the kernel tells. A channel that is closed has missed something.
type feed struct {
	links    chan netlink.LinkUpdate
	addrs    chan netlink.AddrUpdate
	routes   chan netlink.RouteUpdate
	existing []netlink.Link // when it began
}

// follow does what Watch says.
func (f feed) follow(ctx context.Context, changed func()) error {
	w := watch{running: map[int32]bool{}}
	var s settler
	settled := time.NewTimer(0)
	settled.Stop()
	for _, l := range f.existing {
		if a := l.Attrs(); w.link(int32(a.Index), false, a.RawFlags) != nothing {
			s.note(time.Now(), came)
			settled.Reset(time.Until(s.due))
		}
	}
	for {
		news := nothing
		select {
		case <-ctx.Done():
			return nil
		case u, ok := <-f.links:
			if !ok {
				return errLagged
			}
			news = w.link(u.Index, u.Header.Type == unix.RTM_DELLINK, u.Flags)
		case u, ok := <-f.addrs:
			if !ok {
				return errLagged
			}
			news = address(&u)
		case u, ok := <-f.routes:
			if !ok {
				return errLagged
			}
			news = route(&u)
		case <-settled.C:
			changed()
			s.tell(time.Now())
		}
		if news != nothing {
			s.note(time.Now(), news)
			settled.Reset(time.Until(s.due))
		}
	}
}

// A watch knows which links carry packets.
type watch struct{ running map[int32]bool }

// link notes the state of a link and says whether it has just come up or gone.
func (w *watch) link(index int32, deleted bool, flags uint32) news {
	const carrier = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP
	was, now := w.running[index], !deleted && flags&carrier == carrier && flags&unix.IFF_LOOPBACK == 0
	if deleted {
		delete(w.running, index)
	} else {
		w.running[index] = now
	}
	switch {
	case now && !was:
		return came
	case was && !now:
		return lost
	}
	return nothing
}

// address says what a change of an address means: one that others cannot use is none.
func address(u *netlink.AddrUpdate) news {
	switch {
	case u.Scope >= unix.RT_SCOPE_LINK:
		return nothing
	case u.NewAddr:
		return came
	}
	return lost
}

// route says what a change of a route means. Those that the kernel makes for each address
// come and go with that.
func route(u *netlink.RouteUpdate) news {
	switch {
	case u.Route.Type != unix.RTN_UNICAST || u.Table == unix.RT_TABLE_LOCAL || u.Flags&unix.RTM_F_CLONED != 0 || u.Protocol == unix.RTPROT_KERNEL:
		return nothing
	case u.Type == unix.RTM_DELROUTE:
		return lost
	}
	return rerouted
}
