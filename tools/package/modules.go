package main

import (
	"debug/buildinfo"
	"slices"
	"strings"
	"time"
)

// stdlib is what the standard library is called among modules.
const stdlib = "stdlib"

// A program is what the packages are of.
type program struct {
	version string
	date    time.Time
	arch    string // linux-amd64
}

// A linked module is in one of the programs, or in both.
type linked struct{ path, version string }

// modules lists what the programs were linked from, in the order of their paths.
func modules(infos []*buildinfo.BuildInfo) []linked {
	var all []linked
	for _, info := range infos {
		all = append(all, linked{stdlib, strings.TrimPrefix(info.GoVersion, "go")})
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			all = append(all, linked{m.Path, m.Version})
		}
	}
	slices.SortFunc(all, func(a, b linked) int {
		return strings.Compare(a.path+"@"+a.version, b.path+"@"+b.version)
	})
	return slices.Compact(all)
}
