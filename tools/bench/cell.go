package main

import (
	"fmt"
	"strings"
)

// A cell is one thing that is measured of each target. Its name says what:
//
//	send/SYNC_FLUSH/1024/64   messages of 1024 bytes, 64 requests in flight
//	pull/1024                 drains a topic of such messages
//	start/empty, start/stored process start to first answer, without and with a full store
//	memory/idle, memory/loaded
//	namesrv/register, namesrv/route     a name server of many brokers and topics
//	pair/copy/SYNC_FLUSH                a slave copies what its master has
//	pair/send/SYNC_FLUSH/SYNC_MASTER    messages of 1024 bytes, one in flight, to a master that has a slave
//	delay/quiet/level1, delay/busy/timer how late messages come that wait, without and with others beside
//
// For the target disk, send/SYNC_FLUSH/1024/64 is the disk by itself: 64
// records appended with one write and forced with one fdatasync, in a loop.
// pair/copy/forgets and pair/copy/keeps are of disk alone: see bareCopy.
const (
	cellForgets      = "pair/copy/forgets"
	cellKeeps        = "pair/copy/keeps"
	cellStartEmpty   = "start/empty"
	cellStartStored  = "start/stored"
	cellMemoryIdle   = "memory/idle"
	cellMemoryLoaded = "memory/loaded"
)

// The two flush policies, under the names that configure them.
const (
	syncFlush  = "SYNC_FLUSH"
	asyncFlush = "ASYNC_FLUSH"
)

// queues is how many each topic has, for every broker.
const queues = 8

func flushes() []string { return []string{syncFlush, asyncFlush} }
func sizes() []int      { return []int{128, 1024, 16384} } // bytes of a message's body
func inFlights() []int  { return []int{1, 64, 256} }       // requests

func sendCell(flush string, size, inFlight int) string {
	return fmt.Sprintf("send/%s/%d/%d", flush, size, inFlight)
}

func pullCell(size int) string { return fmt.Sprintf("pull/%d", size) }

func copyCell(flush string) string           { return "pair/copy/" + flush }
func pairSendCell(flush, role string) string { return "pair/send/" + flush + "/" + role }

// isPair tells whether a cell is of pairs.
func isPair(cell string) bool { return strings.HasPrefix(cell, "pair/") }

// isAlone tells whether a cell is of brokers that run alone, with tables of
// their own in front of all others.
func isAlone(cell string) bool {
	return !isPair(cell) && !isRecovery(cell) && !isDelay(cell) && !isWear(cell)
}

// pairSize is the size of a message's body in all cells of pairs, in bytes.
const pairSize = 1024

// pullCount is how many messages of that size a pull cell drains: enough for
// many requests, few enough to stay in the page cache of a small machine.
func pullCount(size int) int64 {
	return int64(min(200_000, (128<<20)/size))
}

// allCells returns the names of all cells in the order of the report.
func allCells() []string {
	var all []string
	for _, flush := range flushes() {
		for _, size := range sizes() {
			for _, n := range inFlights() {
				all = append(all, sendCell(flush, size, n))
			}
		}
	}
	for _, size := range sizes() {
		all = append(all, pullCell(size))
	}
	all = append(all, cellStartEmpty, cellStartStored, cellMemoryIdle, cellMemoryLoaded, cellRegister, cellRoute, cellForgets, cellKeeps)
	all = append(all, recoveryCells()...)
	all = append(all, delayCells()...)
	for _, flush := range flushes() {
		all = append(all, copyCell(flush))
		for _, role := range roles() {
			all = append(all, pairSendCell(flush, role))
		}
	}
	return all
}
