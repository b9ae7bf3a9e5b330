package main

import (
	"fmt"
	"strings"
)

// writeRecovery writes the tables of recovery, with what they were measured with.
func (r *report) writeRecovery(w *strings.Builder) {
	if r.Recovery == nil {
		return
	}
	w.WriteString("## Recovery\n\n")
	r.Recovery.writeTo(w, r.last(isRecovery))
	log := func(cell string) string { return r.number(ours, cell, metricLog, 1.0/(1<<20)) }
	fmt.Fprintf(w, `Times run from the start of the process to its first answer, or until messages are stored again. **Killed**: a log of %s MiB in records of %d bytes, ASYNC_FLUSH, kill -9 right behind the last
answer, file systems synced, started again; page caches as they were, of which pairmqd drops the log's last segment to read it from the disk. **Without an index**:
stopped in order, meta.db deleted. **Long log**: %d segments of %d MiB, of which the first and the last have %d records and all others are one filler, nearly all of it a hole
in a file, so that the disk has no part in it; opened without an index, killed, opened again, then as many messages sent and all pulled from both ends.
*32 bits* is the same daemon built for 386. *Most resident* counts the pages of the index that are mapped, which the kernel may drop.

`, log(cellKilled), large, sparseSegments, sparseSegment>>20, sparseRecords)
	t := table{title: "Start after kill -9, ms", labels: 1, head: []string{"log, MiB", "pairmqd", "5.4.0", "4.9.7", "against the better"}}
	t.rows = [][]string{{log(cellKilled), r.number(ours, cellKilled, metricMillis, 1), r.number(v5, cellKilled, metricMillis, 1), r.number(v4, cellKilled, metricMillis, 1), r.ratio(cellKilled, metricMillis, true)}}
	t.writeTo(w)
	t = table{title: "Start without an index", labels: 2, head: []string{"record, bytes", "log, MiB", "answers, ms", "stores, ms", "MB of log a second", "most resident, MiB"}}
	for _, record := range []int{large, small} {
		cell := rebuildCell(record)
		t.rows = append(t.rows, []string{fmt.Sprint(record), log(cell), r.number(ours, cell, metricMillis, 1), r.number(ours, cell, metricStores, 1), r.quotient(ours, cell, metricLog, metricStores, 1e-3), r.number(ours, cell, metricHWM, 1.0/1024)})
	}
	t.writeTo(w)
	t = table{title: "Start with a long log", labels: 2, head: []string{"bits", "log, MiB", "without an index, stores, ms", "after kill -9, answers, ms", "stores, ms", "messages served then", "most resident, MiB"}}
	for _, c := range []struct{ bits, cell string }{{"64", cellSparse64}, {"32", cellSparse32}} {
		t.rows = append(t.rows, []string{c.bits, log(c.cell), r.number(ours, c.cell, metricScanned, 1), r.number(ours, c.cell, metricMillis, 1), r.number(ours, c.cell, metricStores, 1), r.number(ours, c.cell, metricMessages, 1), r.number(ours, c.cell, metricHWM, 1.0/1024)})
	}
	t.writeTo(w)
}
