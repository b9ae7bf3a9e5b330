package main

import (
	"fmt"
	"strings"

	"pairmq/tools/harness"
)

// writeWear writes the tables of wear, with what they were measured with.
func (r *report) writeWear(w *strings.Builder) {
	if r.Wear == nil {
		return
	}
	w.WriteString("## Wear\n\n")
	r.Wear.writeTo(w, r.last(isWear))
	fmt.Fprintf(w, `Each store has a new ext4 of its own on a loop device (data=ordered, all defaults but noatime), whose counters the kernel keeps in
/sys/block/loopN/stat. What is counted is what the device was given from the first message of the load until the broker was stopped and the file system
synced, for each byte by which the log grew. Records are whole ones, of %d and %d bytes, each with a key. *At once* is how many messages come
together, in one request, before the next are sent; *pipelined* are single messages on 8 connections, as many in flight as make a MiB. *Write calls* is wchar of /proc/PID/io without
what went to clients. *First* is a new store. *Again*, for pairmqd, is a store whose log has gone round (segments of %d MiB, storeMaxBytes of %d MiB), so that
segments are written that were written before; 5.4.0 writes no file again, and maps its files instead of calling write. *bbolt* puts one key for
each message, commits as many as come at once, and has had the same once before where it says *again*. At %d bytes, pairmqd runs with
enabledAppendPropCRC=false and a cluster's name of one letter: a record with a key and both has 135 bytes before it has a body.
5.4.0 has none of 128 bytes outside of a batch, and answers a MiB of single messages in flight with SYSTEM_BUSY.

`, large, small, wearSegment>>20, wearMaxBytes>>20, small)
	for _, flush := range flushes() {
		r.writeAmplification(w, flush)
	}
	r.writeIdle(w)
	r.writeCurve(w)
}

// writeAmplification writes the table of one flush policy.
func (r *report) writeAmplification(w *strings.Builder, flush string) {
	t := table{title: "Bytes written for each byte of records, " + flush, labels: 2, head: []string{
		"record", "at once", "pairmqd, first", "pairmqd, again", "write calls", "KiB a flush", "5.4.0", "write calls", "bbolt, first", "bbolt, again",
	}}
	for _, l := range wearLoads() {
		record, batch, _ := strings.Cut(l.name(), "/")
		row := []string{record, batch}
		f, s := wearCell(first, flush, l), wearCell(steady, flush, l)
		row = append(row, r.quotient(ours, f, metricDevice, metricRecords, 1), r.quotient(ours, s, metricDevice, metricRecords, 1),
			r.quotient(ours, s, metricCalls, metricRecords, 1), r.quotient(ours, s, metricRecords, metricFlushes, 1.0/1024))
		row = append(row, r.quotient(v5, f, metricDevice, metricRecords, 1), r.quotient(v5, f, metricCalls, metricRecords, 1),
			r.quotient(bbolt, f, metricDevice, metricRecords, 1), r.quotient(bbolt, s, metricDevice, metricRecords, 1))
		if hasNumber(row[t.labels:]) { // few loads are measured with ASYNC_FLUSH
			t.rows = append(t.rows, row)
		}
	}
	t.writeTo(w)
}

func (r *report) writeIdle(w *strings.Builder) {
	t := table{title: "An idle broker", labels: 1, head: []string{"clients", "watched, s", "bytes on the device", "flushes, two for the sync at the end", "bytes an hour"}}
	clients := fmt.Sprintf("%d consumers in %d groups, that wait, beat every %.0f s and commit an unchanged offset every %.0f s", idleGroups*idleConsumers, idleGroups, harness.Heartbeat.Seconds(), harness.CommitEvery.Seconds())
	for _, c := range []struct{ label, cell string }{{"none", cellIdleAlone}, {clients, cellIdleClient}} {
		t.rows = append(t.rows, []string{c.label, r.number(ours, c.cell, metricSeconds, 1), r.number(ours, c.cell, metricDevice, 1),
			r.number(ours, c.cell, metricFlushes, 1), r.quotient(ours, c.cell, metricDevice, metricSeconds, 3600)})
	}
	t.writeTo(w)
}

func (r *report) writeCurve(w *strings.Builder) {
	t := table{title: fmt.Sprintf("flushLinger, records of %d bytes at random moments, SYNC_FLUSH", pacedRecord), labels: 1, head: []string{"flushLinger, ms"}}
	for _, rate := range pacedRates() {
		t.head = append(t.head, fmt.Sprintf("%d msg/s: device bytes a message", rate), "flushes/s", "p50 / p99 ms")
	}
	for _, linger := range lingers() {
		row := []string{fmt.Sprintf("%g", millis(linger))}
		for _, rate := range pacedRates() {
			cell := lingerCell(linger, rate)
			row = append(row, r.quotient(ours, cell, metricDevice, metricMessages, 1), r.quotient(ours, cell, metricFlushes, metricSeconds, 1),
				r.number(ours, cell, metricP50, 1e-3)+" / "+r.number(ours, cell, metricP99, 1e-3))
		}
		t.rows = append(t.rows, row)
	}
	t.writeTo(w)
}

// quotient returns one metric's median for each of another's, times scale.
func (r *report) quotient(target, cell, metric, of string, scale float64) string {
	v, ok := r.median(target, cell, metric)
	n, found := r.median(target, cell, of)
	if !ok || !found || n <= 0 {
		return noNumber
	}
	return format(v / n * scale)
}
