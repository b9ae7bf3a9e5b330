package auth

import (
	"net/netip"
	"strings"
)

// A Verdict is what policies say of a request.
type Verdict uint8

// The verdicts. Only Allowed lets anybody do anything.
const (
	Unsaid Verdict = iota
	Denied
	Allowed
)

// Judge says whether u may do one of those actions with a resource, from an address of its own kind without a
// zone; and whether an entry says so that has the resource's own name. Of the entries that are about it, and
// about any of the actions, the most exact one decides: one with its name before one with a prefix, a long prefix
// before a short one, that before all of a kind, and that before *. Those of the default policy are looked at
// where none of the custom one is about it.
func (u *User) Judge(k Kind, name string, any Action, from netip.Addr) (v Verdict, exact bool) {
	best := decide(u.Policies, "Custom", k, name, any, from)
	if best == nil {
		best = decide(u.Policies, "Default", k, name, any, from)
	}
	switch {
	case best == nil:
		return Unsaid, false
	case best.deny:
		return Denied, best.weight == ofName
	}
	return Allowed, best.weight == ofName
}

func decide(all []*Policy, kind string, k Kind, name string, any Action, from netip.Addr) (best *rule) {
	i := find(all, kind)
	if i == len(all) {
		return nil
	}
	for _, e := range all[i].Entries {
		r := &e.rule
		if r.actions&any != 0 && (best == nil || r.weight > best.weight) && r.about(k, name) && r.at(from) {
			best = r
		}
	}
	return best
}

func (r *rule) about(k Kind, name string) bool {
	if r.kind != k {
		return r.kind == ""
	}
	if r.weight == ofName {
		return r.name == name
	}
	return strings.HasPrefix(name, r.name) // of all of a kind that is ""
}

func (r *rule) at(from netip.Addr) bool {
	for _, p := range r.from {
		if p.Contains(from) {
			return true
		}
	}
	return len(r.from) == 0
}
