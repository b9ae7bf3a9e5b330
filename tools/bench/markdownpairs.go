package main

import (
	"fmt"
	"strings"
)

// writePairs writes the tables of pairs, with what they were measured with:
// perhaps on another day, and another machine, than the rest.
func (r *report) writePairs(w *strings.Builder) {
	if r.Pairs == nil {
		return
	}
	w.WriteString("## Pairs\n\n")
	r.Pairs.writeTo(w, r.last(isPair))
	copied := "1 GiB"
	if strings.HasSuffix(r.Pairs.Command, " -short") {
		copied = "128 MiB"
	}
	fmt.Fprintf(w, `A master and a slave of the same kind, with the same flush policy, on one machine and one disk. *Others* is how much of its
processors' time went elsewhere meanwhile: to other programs, other machines of its host, and the kernel's threads that write to the disk.

**Copying**: the slave joins while the log is empty, because an Apache slave that has nothing is sent no more than the last segment; it is stopped,
%s of log is written in messages of %d bytes, the slave starts again, and the time counts from the last look (every 10 ms) at which it had got nothing
to the first at which its log ends where the master's does. *Bare* copies are as many bytes sent by sendfile over loopback, once to a reader that forgets
them, and once to one that writes each MiB into a preallocated segment and forces each 64 MiB with one fdatasync, and checks, indexes and acknowledges nothing.
An Apache slave answers for bytes in its page cache; pairmqd's with SYNC_FLUSH has them on the disk.

`, copied, pairSize)
	r.writeCopies(w)
	fmt.Fprintf(w, `**Waiting for a slave**: messages of %d bytes, one in flight, to a master with a slave that keeps up. With SYNC_MASTER (and inSyncReplicas=2) the answer
says that the slave has the message too: on its disk with pairmqd and SYNC_FLUSH, else in memory.

`, pairSize)
	r.writeWaits(w)
}

func (r *report) writeCopies(w *strings.Builder) {
	t := table{title: "Copying a log, MB/s", labels: 1, head: []string{
		"flush", "pairmqd", "5.4.0", "4.9.7", "against the better", "bare, forgets", "bare, writes it down", "pairmqd of the latter", "others, %: pairmqd, 5.4.0, 4.9.7, bare",
	}}
	for _, flush := range flushes() {
		cell := copyCell(flush)
		row := []string{flush}
		for _, name := range []string{ours, v5, v4} {
			row = append(row, r.number(name, cell, metricBytes, 1e-6))
		}
		row = append(row, r.ratio(cell, metricBytes, false), r.number(limit, cellForgets, metricBytes, 1e-6), r.number(limit, cellKeeps, metricBytes, 1e-6), r.ofBare(cell))
		t.rows = append(t.rows, append(row, r.three(cell, metricOthers, 1)+", "+r.number(limit, cellKeeps, metricOthers, 1)))
	}
	t.writeTo(w)
}

// ofBare compares pairmqd's copy with the bare one that writes it down.
func (r *report) ofBare(cell string) string {
	v, ok := r.median(ours, cell, metricBytes)
	bare, found := r.median(limit, cellKeeps, metricBytes)
	if !ok || !found || bare <= 0 {
		return noNumber
	}
	return fmt.Sprintf("%.0f %%", 100*v/bare)
}

func (r *report) writeWaits(w *strings.Builder) {
	t := table{title: "Latency that SYNC_MASTER adds, p50 / p99 ms", labels: 2, head: []string{"flush", "", "pairmqd", "5.4.0", "4.9.7"}}
	for _, flush := range flushes() {
		async, sync := pairSendCell(flush, asyncMaster), pairSendCell(flush, syncMaster)
		rows := [][]string{{flush, asyncMaster}, {flush, syncMaster}, {flush, "added"}, {flush, "others, %: each"}}
		for _, name := range []string{ours, v5, v4} {
			for i, cell := range []string{async, sync} {
				rows[i] = append(rows[i], r.number(name, cell, metricP50, 1e-3)+" / "+r.number(name, cell, metricP99, 1e-3))
			}
			rows[2] = append(rows[2], r.added(name, async, sync, metricP50)+" / "+r.added(name, async, sync, metricP99))
			rows[3] = append(rows[3], r.number(name, async, metricOthers, 1)+", "+r.number(name, sync, metricOthers, 1))
		}
		t.rows = append(t.rows, rows...)
	}
	t.writeTo(w)
}

// added is by how many milliseconds the median of one cell is above another's.
func (r *report) added(target, from, to, metric string) string {
	a, ok := r.median(target, from, metric)
	b, found := r.median(target, to, metric)
	if !ok || !found {
		return noNumber
	}
	return format((b - a) * 1e-3)
}
