// Command attack does to a pairmqd what a hostile neighbour could, while a real client
// works beside it, and fails if anything gets through, if the daemon needs more memory
// than it may have, fills its log, or lets the client wait.
//
// The daemon is set up as a package does it, in a root of its own so that a file it would
// write elsewhere is seen, in a cgroup with a limit of 64 MiB. Strangers and the client
// call it from network namespaces of their own: nobody has the rights of loopback. An
// attack is a process, with a lower priority than the daemon, for a real stranger brings
// his own processor; its lies are bytes, not made by the client's code.
//
// For each attack it is judged:
//
//	refused   what the attack itself says must come back, or not
//	memory    nothing in the cgroup was killed, and the daemon's own memory has a bound
//	log       it says something where a person should know, and not much
//	after     goroutines, files and connections are as before; it serves; nothing has
//	          appeared outside of its state's folder
//	client    no send failed, nothing is lost or there twice, and its p99 is at most twice
//	          what it was in quiet moments right before and after, or below a floor
//
// A machine that others work on is noisy: where nothing but the p99 is wrong an attack is
// tried again, three times at most, each time between quiet moments of its own. With
// -portscan it says instead what each open port answers to a stranger.
//
// It needs root, iproute2, util-linux and e2fsprogs.
package main
