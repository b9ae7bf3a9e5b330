package main

// A target is one build of the programs and the packages that are made of it.
type target struct {
	dir     string   // as make cross names it
	arch    string   // as nfpm names it
	openwrt string   // as OpenWrt names it, with the processor of most boards of that kind
	formats []string // of nfpm; a tar.gz is made as well
}

// targets are all there are. Debian has one name, armhf, for ARMv7 and for the
// ARMv6 of older Raspberry Pis: one deb that runs on both has it. For rpm they are
// two. OpenWrt has a name for each processor, and opkg takes no other unless told to
// (opkg --add-arch): the programs are linked statically and run on all of a kind. Its
// releases with apk, from 25.12 on, want a format that nfpm does not write: nfpm's apk is
// Alpine's.
func targets() []target {
	return []target{
		{"linux-amd64", "amd64", "x86_64", []string{"deb", "rpm", "ipk"}},
		{"linux-arm64", "arm64", "aarch64_cortex-a53", []string{"deb", "rpm", "ipk"}},
		{"linux-armv6", "arm6", "arm_arm1176jzf-s_vfp", []string{"deb", "rpm", "ipk"}},
		{"linux-armv7", "arm7", "arm_cortex-a7_neon-vfpv4", []string{"rpm", "ipk"}},
		{"linux-riscv64", "riscv64", "riscv64_riscv64", []string{"deb", "rpm", "ipk"}},
	}
}
