// Package replica copies the commit log from a master to its slaves: the
// protocol of Apache RocketMQ's DefaultHAService (4.x, and 5.x without a
// controller), both sides of it.
//
// One TCP connection for each slave, opened by the slave. There is no handshake
// between stock brokers, and there are no checksums; both directions are streams of fixed frames, big-endian:
//
//	slave → master, report      int64 end of the slave's log
//	master → slave, transfer    int64 offset, int32 size, size bytes of log
//
// The first report says where to begin, every report acknowledges what lies
// before it. Bytes come in order and cut anywhere, also inside a record, never
// across the end of a segment. A transfer of size 0 is a heartbeat and carries
// the offset that comes next. Both sides send something every five seconds and
// hang up on a peer that was silent for twenty.
//
// What the original leaves open is closed here, on this side of the wire alone,
// so that a stock broker may be the other half: a master takes no report that
// cannot be true; a slave compares the end of its log with the master's before
// it appends, and shows nothing that is not a whole and sound record. One whose log is
// empty begins where the first such record lies, whatever came before it.
//
// A master serves slaves that are configured by address, and those that prove that they
// have the pair's secret: two of ours exchange the four messages of package proof before
// the first report, and go on in TLS 1.3, to which the proof binds both ends. Whoever dials begins, so a stock master is left
// in peace: its slave says nothing else before a challenge has come. A connection has 5 s for that, or, if
// its address is configured, as long as any slave for its first report, which then may be that of a
// stock one. No more than 32 connections are made sure of at a time. A slave follows none
// but a master that is configured by address or proves that it has the secret too. See Trust.
//
// A slave serves the protocol too, so that a master that lost its log's end can
// have it back: see Fetch.
//
// Beside the log a slave copies what no record holds, topics, subscription
// groups and consumer offsets, over the remoting protocol, as RocketMQ's slaves
// do: that is the Copier.
//
// Of the log the package knows offsets and bytes. What a record is, what is durable, and
// where the log lies is the store's business, which it meets through Source and
// Log; who is master is told by others.
package replica
