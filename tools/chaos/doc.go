// Command chaos runs a pair of real brokers through faults and has package check
// judge what became of the messages.
//
//	chaos -seed 7 -duration 3m
//
// Brokers, the network and clients are in network namespaces of their own, which
// end with this program: nothing is sent outside of them. The brokers reach each
// other's HA port through a relay, which delays, throttles, loses, cuts off, swallows and
// doubles; packets are dropped by nftables. Processes are killed, stopped
// in the middle, restarted; the pair hands over, fails over, and is promoted by
// force while the old master lives. Producers and consumers go on meanwhile, as
// clients that want their messages stored and given would. What is
// done when follows from the seed alone; when it hits follows from the machine.
//
// Faults go on until the pair is left alone and has to come back to one master
// and one slave with the same log. Each of the four modes of flushing and
// replication has its share of the time. The last line counts them.
//
// It needs root, iproute2, nftables and util-linux.
package main
