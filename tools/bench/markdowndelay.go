package main

import (
	"fmt"
	"slices"
	"strings"

	"pairmq/tools/harness"
)

// writeDelays writes the table of delayed messages, with what they were measured with.
func (r *report) writeDelays(w *strings.Builder) {
	if r.Delay == nil {
		return
	}
	w.WriteString("## Delays\n\n")
	r.Delay.writeTo(w, r.last(isDelay))
	fmt.Fprintf(w, `Some %d messages of %d bytes for each row are sent at random moments in as many seconds as a cell has, by %d senders, with SYNC_FLUSH, to a topic of %d queues; on each
queue a consumer waits, with pulls that are held for up to %.0f s. The messages of the three levels are sent and wait side by side, those of *timer* (TIMER_DELAY_MS, any whole millisecond
from 1,000 to 10,000, which 4.9.7 does not have) by themselves. *Quiet*: nothing else goes on. *Busy*: from the first send until the last is due, %d ordinary messages a second
come as well, at random moments. Each broker has had such a load before that is not counted.

A message is **due** its delay after the millisecond of the wall clock in which its request was written, which is its born timestamp, and it **came** when the consumer had read the answer
that brought it: sending, storing, waking and pulling are all part of its lateness, and no broker that waits long enough is ever early. *Never* is not within %.0f s after the last was due. *Others* is how
much of the processors' time went elsewhere meanwhile. Of several rounds p50, p99 and others are the median, max is the worst, and the counts are sums. *Against the better* compares p99.

`, delayCount, delaySize, pacedSenders, queues, harness.HoldTime.Seconds(), besideRate, delayGrace.Seconds())
	t := table{title: "Lateness of delayed messages, p50 / p99 / max ms", labels: 2, head: []string{
		"delay", "broker", "pairmqd", "5.4.0", "4.9.7", "against the better", "early, twice, never: pairmqd", "5.4.0", "4.9.7", "others, %: each",
	}}
	for _, kinds := range delayLoads() {
		for _, k := range kinds {
			for _, what := range []string{quiet, busy} {
				cell := delayCell(what, k.name)
				label := k.name
				if k.property == "DELAY" {
					label = fmt.Sprintf("level %s, %.0f s", k.value(0), k.longest.Seconds())
				}
				row := []string{label, what}
				for _, name := range []string{ours, v5, v4} {
					row = append(row, r.number(name, cell, metricP50, 1e-3)+" / "+r.number(name, cell, metricP99, 1e-3)+" / "+r.worst(name, cell, metricMax, 1e-3))
				}
				row = append(row, r.ratio(cell, metricP99, true))
				for _, name := range []string{ours, v5, v4} {
					row = append(row, r.amiss(name, cell))
				}
				row = append(row, r.three(cell, metricOthers, 1))
				if hasNumber(row[t.labels:]) {
					t.rows = append(t.rows, row)
				}
			}
		}
	}
	t.writeTo(w)
}

// worst returns the largest that any round measured, times scale.
func (r *report) worst(target, cell, metric string, scale float64) string {
	all := r.each(target, cell, metric)
	if len(all) == 0 {
		return noNumber
	}
	return format(slices.Max(all) * scale)
}

// amiss returns how many messages of all rounds came early, twice and never.
func (r *report) amiss(target, cell string) string {
	var counts []string
	for _, metric := range []string{metricEarly, metricTwice, metricNever, metricMessages} {
		all := r.each(target, cell, metric)
		if len(all) == 0 {
			return noNumber
		}
		sum := 0.0
		for _, v := range all {
			sum += v
		}
		counts = append(counts, groupThousands(fmt.Sprintf("%.0f", sum)))
	}
	return strings.Join(counts[:3], ", ") + " of " + counts[3]
}
