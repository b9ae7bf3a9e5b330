// Package interop tests pairmq with clients and tools that are not its own:
// the Java clients and mqadmin of Apache RocketMQ 4.9.7 and 5.4.0, and
// rocketmq-client-go, all unmodified. Its tests start the daemon as a child
// process; none of pairmq's code is linked into them.
//
// The same scenarios run on Apache's own broker, which is how they were
// proven; see README.md.
package interop
