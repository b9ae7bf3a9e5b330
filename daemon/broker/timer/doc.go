// Package timer delivers messages at arbitrary times: a message with one of the
// properties TIMER_DELAY_SEC, TIMER_DELAY_MS and TIMER_DELIVER_MS waits in the log, in
// the topic rmq_sys_wheel_timer, and is stored once more, in its own topic, when its
// time has come. Delay levels are package schedule's.
//
// The log is the truth. One goroutine reads the waiting records in their order and
// enters them, by due time, in the index's file; what came last is in memory alone, and
// is read again after a start. So are deliveries: those that the file does not know of
// are found in the log by their UNIQ_KEY, and not made again. Of what is in the file the
// soonest due are in memory, a bounded number.
//
// Delays are spans, and go by the machine's monotonic clock; times of delivery go by
// the wall clock: see clock.
//
// Format: RocketMQ 5.4.0, HookUtils and TimerMessageStore.
package timer
