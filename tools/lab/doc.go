// Command lab proves on a real kernel that nothing is lost that pairmqd answered
// OK for.
//
//	lab -cuts 200 -seed 7
//
// It boots Debian's kernel in an emulated machine whose whole software is
// package guest and pairmqd, and has clients outside of the machine send and
// consume. Then power goes: the machine and its disk's write cache are
// gone in one moment, and what was never flushed with them. The machine boots
// again from the same disk, and package promise judges what is there.
//
// The same with disks that lie about flushes, and with a daemon that does not
// wait for them, must lose promises: else the lab could not see a loss.
//
// Inside the machine the device mapper does what a power cut of a whole machine
// cannot: it drops or fails writes from a moment on, while the machine runs, and
// records all writes, so that the store is tried as it was at many of them.
//
// It needs root, a Debian machine of amd64, and packages that it installs.
package main
