package main

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"pairmq/hal/link"
)

// sysfs is where the kernel shows what netlink does not tell of links.
const sysfs = "/sys"

// describeLinks says in a broker's description how this machine's links stand,
// what went over them, as far as the kernel tells, and why others cannot find the broker if
// they cannot.
func describeLinks(info map[string]string, hostless error) {
	if hostless != nil {
		info["addressMissing"] = hostless.Error()
	}
	list, err := link.States(sysfs)
	if err == nil && len(list) > 0 {
		info["links"] = link.Describe(list)
	}
}

// meteredLinks are the names, and patterns of names, of links whose traffic costs money.
type meteredLinks []string

func newMeteredLinks(text string) (meteredLinks, error) {
	names, err := link.ParseNames(text)
	if err != nil {
		return nil, fmt.Errorf("meteredLinks: %w", err)
	}
	return names, nil
}

// via names the link by which packets from local reach remote, and says whether it is
// metered. Where the kernel does not tell, there is none.
func (m meteredLinks) via(local, remote netip.Addr) (name string, metered bool) {
	name = m.name(local, remote)
	return name, link.Among(m, name)
}

// name is the link alone; "" if the kernel does not tell.
func (m meteredLinks) name(local, remote netip.Addr) string {
	name, err := link.Via(local, remote)
	if err != nil {
		return ""
	}
	return name
}

// describeTraffic is bytes of log by link, for people; "" if there are none.
func describeTraffic(sums map[string]int64) string {
	var text []string
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		text = append(text, name+" "+link.Size(uint64(sums[name])))
	}
	return strings.Join(text, "; ")
}
