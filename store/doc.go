// Package store is what a broker remembers: messages in a commit log, consume
// queues derived from it, consumer offsets, topics and subscription groups.
//
// It joins the commit log (package commitlog, bytes at offsets) to the index
// (package index, bbolt): it gives every message its queue offset, physical
// offset and store timestamp under one lock, tells the sender when the flush
// policy has kept its promise, and shows a consumer nothing before that. It
// recovers both after a crash and gives back old segments.
//
// It knows nothing of connections, codes or clients (package broker), and
// nothing of other brokers (package replica).
//
// Records and segment names are RocketMQ's; the index is our own.
package store
