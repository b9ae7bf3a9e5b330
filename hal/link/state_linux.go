package link

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// States asks the kernel for the state of each link that leads out of this host, in
// one question; links to containers and machines on it are left out. sys is where
// sysfs is, for the speed alone, which not every driver tells.
func States(sys string) ([]State, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("link: list links: %w", err)
	}
	var list []State
	for _, l := range all {
		a := l.Attrs()
		if a.RawFlags&unix.IFF_LOOPBACK != 0 || virtual(a.Name) {
			continue
		}
		s := State{Name: a.Name, Index: a.Index, Up: a.RawFlags&unix.IFF_UP != 0, Carrier: a.RawFlags&unix.IFF_LOWER_UP != 0, Oper: a.OperState.String()}
		if n := a.Statistics; n != nil {
			s.In = Counts{Bytes: n.RxBytes, Errors: n.RxErrors, Drops: n.RxDropped}
			s.Out = Counts{Bytes: n.TxBytes, Errors: n.TxErrors, Drops: n.TxDropped}
		}
		if s.Carrier {
			s.Speed = speed(filepath.Join(sys, "class", "net", a.Name, "speed"))
		}
		list = append(list, s)
	}
	return list, nil
}

// speed reads megabits a second; 0 if they are not told: many drivers refuse, or say -1.
func speed(file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
