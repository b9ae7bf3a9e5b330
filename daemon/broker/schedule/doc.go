// Package schedule delivers delayed messages: a message with the property DELAY
// waits in the log, in the queue of its level, and is stored once more, in its own
// topic, when its time has come.
//
// Who sends is answered when the waiting record is stored, as with any other. What
// waits needs no memory: of each level only the first is looked at, since those of a
// level become due in their order. How far each level was delivered is kept as
// consumer offsets are, after the delivered records are on flash; what was delivered
// and is not noted yet when the power goes is found in the log by its UNIQ_KEY, and
// not delivered again. The package knows nothing of requests: those are package
// broker's. A slave's log has all of this, and a slave delivers nothing.
//
// Delays are kept by the machine's monotonic clock, whatever becomes of the wall
// clock; see clock.
//
// Format: RocketMQ 4.9.7 and 5.4.0, ScheduleMessageService and CommitLog. Their
// consume queues hold the time of delivery where others hold the tag's hash; each
// derives it from the log, and here from the record.
package schedule
