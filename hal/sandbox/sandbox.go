// Package sandbox takes rights from this process, for good and whoever it runs as: from
// then on it reads, writes and listens only where its rules say, and runs no program.
// The kernel holds it to that by landlock, from 5.19 on where that was built in.
//
// It knows nothing of what a rule is for. What is open already stays usable; looking
// whether a file is there, and connecting to others, is not restricted.
package sandbox

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Rules are what a process keeps. A path stands for what is there when the rules begin
// to hold, symbolic links resolved, and for all that is below it then or later; another
// folder that takes its place later has no rule.
type Rules struct {
	Read  []string // files and folders to read
	Write []string // folders in which files, folders and sockets are made, changed, moved and removed
	Files []string // files that are written to and not made: devices, or folders of the kernel's
	Ports []int    // TCP ports to listen at
}

// ErrNone is wrapped where the kernel has no landlock that will do, or this program
// cannot use it; nothing has changed then.
var ErrNone = errors.New("no landlock")

// A State is what holds of the rules.
type State struct {
	ABI     int      // landlock's version, that of the kernel; 0: nothing holds
	Missing []string // paths of the rules that are not there: they will not be opened
}

// Ports says whether ports are held to the rules, beside files.
func (s State) Ports() bool { return s.ABI >= abiPorts }

// Enforce has the rules hold for every thread of this process, now and later. It fails
// with ErrNone where that cannot be had, and with another error where it should be to be
// had; nothing holds then.
//
// A thread has a domain of its own afterwards. So signals must not be restricted: before
// 6.15 the kernel would take those between the threads of one process, which Go's
// scheduler lives by, for attacks.
func (r Rules) Enforce() (State, error) {
	abi, err := version()
	if err != nil {
		return State{}, err
	}
	set, err := createRuleset(handled(abi))
	if err != nil {
		return State{}, fmt.Errorf("sandbox: make a set of rules: %w", err)
	}
	defer unix.Close(set)
	s := State{ABI: abi}
	for _, g := range r.grants(abi) {
		err := addPath(set, g)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
			s.Missing = append(s.Missing, g.path)
			continue
		}
		if err != nil {
			return State{}, fmt.Errorf("sandbox: rule for %s: %w", g.path, err)
		}
	}
	if s.Ports() {
		for _, p := range r.Ports {
			if err := addPort(set, p); err != nil {
				return State{}, fmt.Errorf("sandbox: rule for port %d: %w", p, err)
			}
		}
	}
	if err := restrict(set); err != nil {
		return State{}, err
	}
	return s, nil
}

// A grant is a path and what may be done there.
type grant struct {
	path  string
	right uint64
}

// grants are the rules of r as this version of landlock has them, each path once.
func (r Rules) grants(abi int) (all []grant) {
	known := handled(abi).Access_fs
	add := func(paths []string, right uint64) {
		for _, p := range paths {
			if i := slices.IndexFunc(all, func(g grant) bool { return g.path == p }); i >= 0 {
				all[i].right |= right & known
			} else if p != "" {
				all = append(all, grant{p, right & known})
			}
		}
	}
	add(r.Read, reads)
	add(r.Write, reads|changes)
	add(r.Files, reads|fills)
	return all
}
