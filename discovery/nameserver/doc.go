// Package nameserver is the name server: brokers register their topics with
// it, clients ask it who serves a topic, and administrators keep a few
// key-value settings in it. It runs inside a broker's daemon or alone.
//
// Everything is looked up in memory. What is known is saved when it changes, so
// that there are routes after a restart before brokers have registered again;
// those that do not come back in time are dropped then. A broker
// is dropped when its connection closes or when it was silent for too long;
// durations are those of the monotonic clock, so that a clock that jumps drops
// nobody. Sockets and frames are internal/remoting's; route data and
// registration bodies are decoded in package discovery.
//
// Protocol: RocketMQ 4.9.7 (DefaultRequestProcessor, RouteInfoManager) with the
// repairs of 5.4.0 where the two differ: a first registration of exactly one
// topic is refused, and topics that got lost here are taken over again although
// the broker's table has not changed. Static topics, controllers and acting
// masters are not supported.
package nameserver
