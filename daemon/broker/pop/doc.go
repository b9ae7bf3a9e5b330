// Package pop knows which messages consumer groups have popped and have not
// acknowledged: until when these are invisible, where they come again when their time
// is over, and how far each group is. It knows nothing of requests and connections:
// those are package broker's, and messages are package store's.
//
// Of each queue a group has a next offset, which is popped next, and flights: popped
// messages that are neither acknowledged nor stored once more. The group's consumer
// offset never passes the first of them, so that whoever knows nothing but that offset
// loses no message: a slave that is promoted, and a consumer that pulls. What is popped in
// order is no flights but a round.
//
// What a master of Apache's had in flight, whose slave this store was, comes again too:
// see revival.
//
// Formats: RocketMQ 5.4.0, ExtraInfoUtil (handles, offset infos), BatchAck, KeyBuilder
// (retry topics, those of version 1).
package pop
