// Package transaction keeps halves of transactions until their producer says what
// becomes of them: a half is stored in a topic of the broker's own, and once more, in
// its real topic, when it is committed.
//
// That a half is decided is an op in the log: its queue offset, in a topic beside. In
// memory there is one bit for each half since the oldest that is open, and an entry for
// those whose producer was asked before. Who is not decided in time is asked for: the
// half is stored once more, with the number of times, and the producer is shown where it
// is now (package broker sends that). The older one has an op then, so that of all
// incarnations of a half one is open at most. How far halves and ops are worked off is
// kept where no client can change it. A slave of ours takes that only with the log that it
// is true of, and forgets it with the log: one that has none reads all ops that there are,
// so that no half is passed over. Apache's are told of it as of the consumer offsets of
// RocketMQ's group; where one of those was master before, they are not looked at.
//
// A delivery lies in the log before its op: a power cut between them is found by the
// UNIQ_KEY, and what was delivered is not delivered again. Waiting is measured by the
// monotonic clock. The package knows nothing of requests; a slave has all of this in its
// log and decides nothing.
//
// Format: RocketMQ 4.9.7 and 5.4.0, TransactionalMessageBridge and
// TransactionalMessageServiceImpl. 5.x writes ops of several offsets, which 4.9.7 cannot
// read: here each op has one.
package transaction
