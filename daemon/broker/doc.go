// Package broker answers the request codes of a RocketMQ broker: sends, pulls
// with long polling, consumer offsets, heartbeats, queue locks, and what mqadmin
// asks for.
//
// One file holds one concern. The package checks what a request says, keeps
// what lives only as long as connections do (clients, held pulls, locks) and
// leaves the rest to the store, through the interfaces in store.go: what a
// record looks like, what is durable when, and where tables are kept is not
// decided here. Telling name servers is the registrar's; timed messages are
// refused until something here can keep them.
//
// Request codes, header fields, bodies and response codes are those of RocketMQ
// 4.9.7; where 5.4.0 differs and clients of both versions fare better with it,
// its choice is taken and said so where it is taken.
package broker
