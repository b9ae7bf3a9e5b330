// Package commitlog keeps the commit log: bytes at physical offsets, in
// segments on flash, forced there in groups, found again after a power cut.
//
// It does not know what a record is, but for two numbers: how a filler looks,
// which ends every segment, and where a record has its magic code, by which
// recovery finds candidates. Everything else a caller tells it through Checker.
//
// # Files
//
// A segment is a file of fixed size named by its first physical offset in 20
// digits, as RocketMQ's MappedFileQueue names them; names are multiples of the
// size and follow each other without a hole. Where a record does not fit, a
// filler takes the rest (int32 rest, int32 0xCBD43194, as CommitLog.BLANK_MAGIC_CODE)
// and the record goes to the next segment. Segments are made ahead: allocated,
// synced, then renamed to their name. Those that Retire gives back wait below
// recycle/ to be used again, since blocks that were written once need no
// metadata to be synced. They still hold their old records, which a Checker
// must tell from new ones by the physical offset.
//
// # Order
//
// Append hands out offsets under one lock and copies into a batch. One
// goroutine writes batches, one pwrite each. With SyncFlush the same goroutine
// syncs before it takes the next batch, which collects meanwhile; with SyncApart
// too, another syncs when there is more than that lets through. A segment is
// durable as a whole before the first byte of the next one is written. So End ≥
// Written ≥ Durable, and the bytes that a power cut can tear all lie within one
// window behind Durable: one batch with SyncFlush, UnsyncedBytes without it or
// with SyncApart. Recovery tells a torn tail from a damaged log by that window.
//
// An error of a write or a sync is final. Nothing is retried, since the kernel
// may have dropped the pages it could not write; reads go on.
//
// # Reading all of it
//
// Recover and Scan read and check records in one goroutine while their caller visits
// those before in its own. What a disk is asked for stays in one order: a segment is
// synced and read anew only when all of the one before was visited.
//
// # Repair
//
// Patch alone writes where something is written already: bytes that have gone bad,
// by what somebody else knows they should be. What was there is set aside first.
package commitlog
