package main

import (
	"maps"
	"slices"
	"sort"

	"pairmq/daemon/metrics"
	"pairmq/hal/link"
)

// mostLinks is how many links are shown: a machine that routes for others may have
// thousands, all of which would be kept by who scrapes it.
const mostLinks = 32

// measureLinks shows how links stand and what went over them; the eldest, if there are
// too many.
func measureLinks(p *metrics.Page, list []link.State, metered meteredLinks) {
	list = slices.Clone(list)
	sort.Slice(list, func(i, j int) bool { return list[i].Index < list[j].Index })
	for _, s := range list[:min(len(list), mostLinks)] {
		p.SetBool(metrics.LinkUp, s.Up && s.Carrier, s.Name)
		p.SetBool(metrics.LinkMetered, link.Among(metered, s.Name), s.Name)
		p.Set(metrics.LinkReceived, float64(s.In.Bytes), s.Name)
		p.Set(metrics.LinkSent, float64(s.Out.Bytes), s.Name)
		p.Set(metrics.LinkErrors, float64(s.In.Errors), s.Name, "in")
		p.Set(metrics.LinkErrors, float64(s.Out.Errors), s.Name, "out")
		p.Set(metrics.LinkDropped, float64(s.In.Drops), s.Name, "in")
		p.Set(metrics.LinkDropped, float64(s.Out.Drops), s.Name, "out")
	}
}

// measureTraffic shows bytes of log by link.
func measureTraffic(p *metrics.Page, m metrics.Metric, sums map[string]int64) {
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		p.SetInt(m, sums[name], name)
	}
}
