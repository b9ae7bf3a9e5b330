// Package loadgen loads a RocketMQ broker over the wire and measures it.
//
// It speaks to any broker of the remoting protocol: pairmqd, Apache RocketMQ
// 4.9.7 and 5.4.0. Send fills a topic with messages of one size, Pull drains
// one; both give messages and bytes per second, the distribution of the
// latency and the answers by code. The package draws nothing, prints nothing
// and starts no broker: those are tools/ctl and tools/bench.
//
// The generator usually shares its processor with the broker it measures, so
// it is lean: a request is a template in which only the opaque, the born
// timestamp and the unique key change, a reply is read no further than its
// opaque and its code, and one goroutine for each connection writes as many
// requests with one system call as it has just read replies.
//
// # What the latencies mean
//
// The load is a closed loop: each place in flight sends its next request when
// its last one was answered. While a broker stalls, a closed loop sends
// nothing, so a stall of one second counts once for each place in flight and
// not once for each message that an independent sender would have wanted to
// send meanwhile (coordinated omission). The percentiles tell brokers under
// the same load apart; they do not say what a gateway that samples at a fixed
// rate would see. The maximum and the rate are free of this. A latency runs
// from the moment before the write of a request to the moment after the read
// that brought its reply, so at many requests in flight it includes the time
// spent in socket buffers.
//
// Replies count from the end of the warm-up to the end of the run; what is
// still in flight then is waited for, and counted as answered, but not measured.
package loadgen
