// Package harness is what the tools that try and measure brokers have in common: a
// process that is started and surely ended, a cgroup that bounds its memory, ports that
// are free, a client that knows whether its request may have arrived, and consumers that
// have nothing to do.
//
// What a tool checks is its own: nothing here judges a broker.
package harness
