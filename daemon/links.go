package main

import "pairmq/hal/link"

// sysfs is where the kernel shows what netlink does not tell of links.
const sysfs = "/sys"

// describeLinks says in a broker's description how this machine's links stand,
// what went over them, as far as the kernel tells, and why others cannot find the broker if
// they cannot.
func describeLinks(info map[string]string, hostless error) {
	if hostless != nil {
		info["addressMissing"] = hostless.Error()
	}
	list, err := link.States(sysfs)
	if err == nil && len(list) > 0 {
		info["links"] = link.Describe(list)
	}
}
