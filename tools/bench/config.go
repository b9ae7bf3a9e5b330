package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A config is what a person asked for.
type config struct {
	pairmqd   string // the binary
	pairmqd32 string // the same for 386
	peers     string // folder of the Apache jars
	dir       string // for the stores: it is on the disk that is measured
	out       string // JSON
	doc       string // Markdown
	only      []string
	cells     []string // prefixes of cell names; empty means all
	rounds    int
	seconds   time.Duration // of one cell
	heat      time.Duration // of load before a broker's first cell
	settle    time.Duration // in which a broker is left alone before its idle memory is read
	conns     int
	short     bool   // the log that slaves copy is small
	copied    int64  // its bytes
	port      int    // of the name server; brokers use some of the next 40, with wear 120
	heap      string // of an Apache broker
	merge     bool   // keep what the JSON file has of other cells
	render    bool   // measure nothing, write the Markdown again
	keep      bool   // leave stores and logs
	wear      bool   // instead of all else: what is written to the device, held to its budget
	apache    bool   // with wear: Apache's beside ours
	curve     bool   // with wear: what flushLinger does
	record    bool   // with wear: write it down
}

func parse(args []string, getenv func(string) string, stderr io.Writer) (config, error) {
	var c config
	var only, cells string
	var seconds, heat, settle float64
	quick := getenv("QUICK") == "1"
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.pairmqd, "pairmqd", "bin/pairmqd", "the pairmqd to measure")
	f.StringVar(&c.pairmqd32, "pairmqd32", "bin/pairmqd-386", "the same, built for 386")
	f.StringVar(&c.peers, "peers", cmp.Or(getenv("PAIRMQ_PEERS"), defaultPeers()), "folder with rocketmq-5.4.0/lib and rocketmq-4.9.7/lib, the jars of Apache RocketMQ; fetched with Maven when they are missing (PAIRMQ_PEERS)")
	f.StringVar(&c.dir, "dir", filepath.Join(os.TempDir(), "pairmq-bench"), "folder for stores and logs, on the disk to measure; emptied")
	f.StringVar(&c.out, "out", "tools/bench/results.json", "file for all measurements")
	f.StringVar(&c.doc, "doc", "docs/benchmarks.md", "file whose tables are replaced")
	f.StringVar(&only, "only", "", "comma-separated: "+strings.Join(targetNames(), ", ")+"; default all")
	f.StringVar(&cells, "cells", "", "comma-separated beginnings of cell names, such as send/SYNC_FLUSH/128, pull, start, memory; default all")
	f.IntVar(&c.rounds, "rounds", 3, "rounds; the tables have their median")
	f.Float64Var(&seconds, "seconds", choose(quick, 2.0, 5), "seconds of each cell (QUICK=1 makes it 2)")
	f.Float64Var(&heat, "heat", choose(quick, 3.0, 10), "seconds of load before the first cell of a broker, for its JIT compiler")
	f.Float64Var(&settle, "settle", 5, "seconds in which a broker is left alone before its idle memory is read")
	f.IntVar(&c.conns, "conns", 4, "connections that share what is in flight")
	f.IntVar(&c.port, "port", 31900, "first of 40 free ports, of 120 with -wear")
	f.StringVar(&c.heap, "heap", "1g", "heap of an Apache broker")
	f.BoolVar(&c.short, "short", false, "let slaves copy 128 MiB instead of 1 GiB")
	f.BoolVar(&c.merge, "merge", false, "keep the cells in the JSON file that are not measured now")
	f.BoolVar(&c.render, "render", false, "measure nothing: write the tables from the JSON file")
	f.BoolVar(&c.keep, "keep", false, "leave stores and logs in place")
	f.BoolVar(&c.wear, "wear", false, "instead: what is written to the device for each byte of records, held to its budget; needs root, losetup and mkfs.ext4")
	f.BoolVar(&c.apache, "apache", false, "with -wear: beside Apache RocketMQ 5.4.0")
	f.BoolVar(&c.curve, "curve", false, "with -wear: what flushLinger saves and costs as well")
	f.BoolVar(&c.record, "record", false, "with -wear: write the figures into the JSON file and the tables, beside what is there")
	if err := f.Parse(args); err != nil {
		return config{}, err
	}
	c.merge = c.merge || c.wear
	c.copied = choose[int64](c.short, 128<<20, 1<<30)
	c.only, c.cells = list(only), list(cells)
	c.seconds, c.heat, c.settle = duration(seconds), duration(heat), duration(settle)
	return c, c.check(f.Args())
}

func (c config) check(rest []string) error {
	for _, name := range c.only {
		if !slices.Contains(targetNames(), name) {
			return fmt.Errorf("-only %s: there is %s", name, strings.Join(targetNames(), ", "))
		}
	}
	all := allCells()
	if c.wear {
		all = wearCells()
	}
	for _, prefix := range c.cells {
		if !slices.ContainsFunc(all, func(cell string) bool { return strings.HasPrefix(cell, prefix) }) {
			return fmt.Errorf("-cells %s: no cell is called so; there is %s", prefix, strings.Join(all, ", "))
		}
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case (c.apache || c.curve || c.record) && !c.wear:
		return errors.New("-apache, -curve and -record belong to -wear")
	case c.rounds < 1 || c.rounds > 99:
		return fmt.Errorf("-rounds %d: 1 to 99", c.rounds)
	case c.seconds < 100*time.Millisecond || max(c.seconds, c.heat, c.settle) > 10*time.Minute || min(c.heat, c.settle) < 0:
		return fmt.Errorf("-seconds %v, -heat %v, -settle %v: 0.1 to 600, the others 0 to 600", c.seconds.Seconds(), c.heat.Seconds(), c.settle.Seconds())
	case c.conns < 1 || c.conns > queues:
		return fmt.Errorf("-conns %d: 1 to %d", c.conns, queues)
	case c.port < 1024 || c.port > maxPort:
		return fmt.Errorf("-port %d: 1024 to %d", c.port, maxPort)
	}
	return nil
}

// maxPort keeps clear of the ports that the kernel gives to outgoing
// connections, from 32768 on: who dials such a port again and again until
// somebody listens there, in the end connects to itself, and takes the port.
const maxPort = 32700

// wants tells whether the cell called name is to be measured.
func (c config) wants(name string) bool {
	return len(c.cells) == 0 || slices.ContainsFunc(c.cells, func(p string) bool { return strings.HasPrefix(name, p) })
}

// wantsSuch tells whether any of such cells is to be measured.
func (c config) wantsSuch(such func(cell string) bool) bool {
	return slices.ContainsFunc(allCells(), func(cell string) bool { return such(cell) && c.wants(cell) })
}

// measures tells whether the target called name is to be measured.
func (c config) measures(name string) bool { return len(c.only) == 0 || slices.Contains(c.only, name) }

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func choose[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}

// defaultPeers is where the jars are kept from one run to the next, for the
// interop tests as well.
func defaultPeers() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "pairmq")
}
