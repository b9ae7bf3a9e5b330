// Command soak loads a pairmqd that may have little memory with many clients and
// large messages, for a while, and fails if it is killed or breaks a promise.
//
// The daemon runs in a cgroup of its own with a limit of 64 MiB (both versions of
// cgroups will do), the clients outside of it. There are 1,000 connections, all of which
// send heartbeats and wait for messages, and messages of 4 MiB, which do not fit in that
// memory for even a twentieth of them. What happens in turn:
//
//	fan out  all wait at one queue, where one message arrives: each must have it
//	crowd    all send a message at the same moment, and again until it is taken, for
//	         at most a quarter of the time
//	flow     some send and some pull, as fast as they can, for the rest of the time;
//	         the others' heartbeats must be answered in the time that clients allow
//	drain    what is left is consumed
//
// At the end the daemon must live and must never have been killed, each message that
// was acknowledged must have been consumed with the bytes it had, and no heartbeat of a
// connection that did nothing else may have gone unanswered. A daemon that has no room
// may say SYSTEM_BUSY, may not read, and may hang up on a crowd; how often it did is
// printed, with the most memory that the cgroup had.
//
// It needs root, for the cgroup, and some GiB of disk.
package main
