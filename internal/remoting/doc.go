// Package remoting speaks RocketMQ's remoting protocol, as client and as
// server: frames, their headers in JSON and in RocketMQ's own binary form, and
// connections on which both sides send requests and pair the answers with them
// by opaque.
//
// It knows what a command is and nothing of what any command means: topics,
// messages, routes and the checks of header fields belong to who serves or
// sends the command. Access control is not here either, and of TLS only where it begins:
// a Server looks at the first byte of a connection, as RocketMQ's does, so that both
// kinds come to one port; whose certificates are good is package certs's.
//
// # Who runs what
//
// A connection has one goroutine, which reads, decodes and calls the Handler,
// one request after the other. A second one exists while there is something to
// write; it writes all that has queued up meanwhile at once. An idle connection
// therefore costs one goroutine and a buffer of 4 KiB, some 10 KiB in all; over TLS
// 5 KiB more, and 16 KiB once it has received large records (BenchmarkConnMemory). The
// handshake is the reading goroutine's as well: there is no other one for it.
//
// # What bounds it
//
// Everything a peer can make grow has a bound in Limits: the frame, its header
// and fields, connections in all and per address, requests in flight, replies
// that wait to be written, and bytes in flight over all connections. At a bound
// the reader waits, so that TCP holds the peer back; a peer that keeps a frame
// half sent or does not read its answers is dropped.
//
// # Where the format comes from
//
// Frames, headers and codes are those that Apache RocketMQ 4.9.7 and 5.4.0 and
// rocketmq-client-go v2 exchange, taken from captures of these peers. All
// integers are big-endian:
//
//	0 ............ 4 ............... 5 ............ 8 ...... 8+h ..... 4+total
//	total (int32)   serialize type    h (uint24)     header    body
//
// total does not count its own four bytes.
package remoting
