package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// A blockStat is what a block device was given since it is there.
type blockStat struct {
	bytes   int64 // written
	writes  int64 // requests that were
	flushes int64 // of its cache
}

func (s blockStat) since(before blockStat) blockStat {
	return blockStat{bytes: s.bytes - before.bytes, writes: s.writes - before.writes, flushes: s.flushes - before.flushes}
}

// sector is the unit of /sys/block/*/stat, whatever the device's own is.
const sector = 512

// parseBlockStat reads /sys/block/DEVICE/stat; Documentation/block/stat.rst has
// its fields. Flushes are there since Linux 5.5.
func parseBlockStat(b []byte) (blockStat, error) {
	fields := strings.Fields(string(b))
	if len(fields) < 16 {
		return blockStat{}, fmt.Errorf("block device, %d fields: %w", len(fields), errProc)
	}
	var n [3]int64
	for i, at := range []int{4, 6, 15} {
		v, err := strconv.ParseInt(fields[at], 10, 64)
		if err != nil || v < 0 || v > 1<<53 {
			return blockStat{}, fmt.Errorf("block device, field %d is %q: %w", at+1, fields[at], errProc)
		}
		n[i] = v
	}
	return blockStat{writes: n[0], bytes: n[1] * sector, flushes: n[2]}, nil
}

// procIO is what a process has written so far.
type procIO struct {
	calls int64 // bytes given to write calls: files, sockets, pipes
	pages int64 // bytes of pages of files that became dirty
}

func readProcIO(pid int) (procIO, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return procIO{}, err
	}
	return parseProcIO(b)
}

// parseProcIO reads /proc/PID/io.
func parseProcIO(b []byte) (procIO, error) {
	var io procIO
	for key, to := range map[string]*int64{"wchar": &io.calls, "write_bytes": &io.pages} {
		_, rest, ok := bytes.Cut(append([]byte("\n"), b...), []byte("\n"+key+": "))
		line, _, ended := bytes.Cut(rest, []byte("\n"))
		n, err := strconv.ParseInt(string(line), 10, 64)
		if !ok || !ended || err != nil || n < 0 {
			return procIO{}, fmt.Errorf("io, %s: %w", key, errProc)
		}
		*to = n
	}
	return io, nil
}

// A meter counts what comes in over connections: what a broker writes to its
// clients is among its write calls and no matter of disks.
type meter struct{ read atomic.Int64 }

func (m *meter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return meteredConn{c, m}, nil
}

type meteredConn struct {
	net.Conn
	meter *meter
}

func (c meteredConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.meter.read.Add(int64(n))
	return n, err
}
