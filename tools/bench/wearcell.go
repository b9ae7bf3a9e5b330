package main

import (
	"fmt"
	"strings"
	"time"
)

// Kinds of stores that are compared on volumes; bbolt stands for whoever would
// put each message into a database.
const bbolt = "bbolt"

// States of a store when it is measured.
const (
	first  = "first"  // new: what it writes was never written before
	steady = "steady" // of ours: the log has gone round and segments are used again; of others: there was as much before
)

// A wearLoad is what is written to a store while its device is watched.
type wearLoad struct {
	record int // bytes of each record, all of it
	batch  int // messages that come at once, the next when they are answered; 0: one by one, as many in flight as a connection may have
}

// Whole records, of the sizes that the budgets are for.
const (
	large = 1024
	small = 128
)

func wearLoads() []wearLoad {
	return []wearLoad{{large, 1}, {large, 8}, {large, 64}, {large, 0}, {small, 1}, {small, 8}, {small, 64}, {small, 512}, {small, 0}}
}

// besides tells whether Apache's broker gets the load too: the smallest batches
// and the largest, since each takes it half a minute.
func (l wearLoad) besides() bool { return l.batch <= 1 || l.batch*l.record >= fullBatch }

// forApache tells whether 5.4.0 can be given it: it answers a MiB of single messages
// in flight with SYSTEM_BUSY, and has no record of 128 bytes that is not in a batch.
func (l wearLoad) forApache() bool { return l.batch > 0 && (l.record >= large || l.batch > 1) }

// name is the load's part of a cell's name.
func (l wearLoad) name() string {
	if l.batch == 0 {
		return fmt.Sprintf("%d/pipelined", l.record)
	}
	return fmt.Sprintf("%d/%d", l.record, l.batch)
}

// messages is how many make one measurement: as many as a gate has time for,
// and enough that a start and a stop are a small part.
func (l wearLoad) messages() int64 {
	switch {
	case l.batch == 1 && l.record < large:
		return 8 << 10
	case l.batch == 1:
		return 4 << 10
	case l.batch == 8:
		return 16 << 10
	case l.batch == 64 && l.record < large:
		return 128 << 10
	}
	return (64 << 20) / int64(max(l.record, 256))
}

// fewer is the load with a share of the messages, for stores that take longer
// and write as much for each of few.
func (l wearLoad) fewer() int64 {
	switch l.batch {
	case 1:
		return 1 << 10
	case 8:
		return 2 << 10
	case 64:
		return 32 << 10
	}
	return l.messages()
}

// flags are pairmqd's for such records. A small one has no room for the checksum
// property and for the cluster's name beside a key, which costs more.
func (l wearLoad) flags() []string {
	if l.record >= large {
		return nil
	}
	return []string{"--enabledAppendPropCRC=false", "--brokerClusterName=C"}
}

// budget is the most that may be written for each byte of records.
func (l wearLoad) budget() float64 {
	if l.record >= large {
		return 1.10
	}
	return 1.30
}

// fullBatch is how much has to come with each sync for the device to be held to
// the budget: a sync writes whole pages, whatever a store does.
const fullBatch = 64 << 10

// Cells of wear.
const (
	wearPrefix     = "wear/"
	cellIdleAlone  = wearPrefix + "idle/alone"
	cellIdleClient = wearPrefix + "idle/clients"
)

func isWear(cell string) bool { return strings.HasPrefix(cell, wearPrefix) }

func wearCell(state, flush string, l wearLoad) string {
	return wearPrefix + state + "/" + flush + "/" + l.name()
}

// Values of flushLinger and messages a second of the curve.
func lingers() []time.Duration {
	return []time.Duration{0, 200 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond}
}
func pacedRates() []int { return []int{200, 2000} }

// pacedRecord is the size of a whole record of the curve, in bytes.
const pacedRecord = 256

func lingerCell(linger time.Duration, rate int) string {
	return fmt.Sprintf("%slinger/%d/%d", wearPrefix, linger.Microseconds(), rate)
}

// wearCells returns the names of all cells of wear.
func wearCells() []string {
	var all []string
	for _, flush := range flushes() {
		for _, state := range []string{first, steady} {
			for _, l := range wearLoads() {
				all = append(all, wearCell(state, flush, l))
			}
		}
	}
	for _, linger := range lingers() {
		for _, rate := range pacedRates() {
			all = append(all, lingerCell(linger, rate))
		}
	}
	return append(all, cellIdleAlone, cellIdleClient)
}

// What is counted while a store is written to.
const (
	metricDevice   = "deviceBytes"
	metricFlushes  = "flushes"
	metricCalls    = "callBytes" // given to write calls on files
	metricRecords  = "recordBytes"
	metricMessages = "messages"
	metricSeconds  = "seconds"
)
