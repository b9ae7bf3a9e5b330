// Command guest is the first and only program of the lab's machine besides the
// daemon: the kernel starts it as init from an initramfs. It loads the kernel's
// modules for disks and network, brings the network up, and does what the host
// orders, one order after the other.
//
// It decides nothing and checks nothing: clients, promises and their checker
// are on the host, outside of what loses power.
package main
