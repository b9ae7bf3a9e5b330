package main

import (
	"cmp"
	"slices"
	"time"
)

// late is how late an attack should come for what it may leave behind.
func (x attack) late() int {
	switch {
	case x.pending == "":
		return 0
	case x.outside == nil:
		return 1
	}
	return 2
}

// attacks are those that a daemon of these keys has to expect.
func (w *world) attacks() []attack {
	all := attacks()
	for i := range all {
		x := &all[i]
		if len(x.until) > 0 && !slices.ContainsFunc(x.until, func(key string) bool { return !w.keys[key] }) {
			x.pending = ""
		}
	}
	return slices.DeleteFunc(all, func(x attack) bool { return x.needs != "" && !w.keys[x.needs] })
}

// attacks are all there are, in the order in which they are had on each stage.
func attacks() []attack {
	all := slices.Concat(connectionAttacks(), frameAttacks(), bodyAttacks(), nameAttacks(), codeAttacks(), tlsAttacks(), accountAttacks(), userAttacks(), replicationAttacks(), liarAttacks())
	for i := range all {
		if all[i].time == 0 {
			all[i].time, all[i].again = 4500*time.Millisecond, true
		}
	}
	// What is not refused yet may change much: it comes last on its stage.
	slices.SortStableFunc(all, func(a, b attack) int { return cmp.Compare(a.late(), b.late()) })
	return all
}
