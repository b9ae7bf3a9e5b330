package main

// A target is one build of the programs and the packages that are made of it.
type target struct {
	dir     string   // as make cross names it
	arch    string   // as nfpm names it
	formats []string // of nfpm; a tar.gz is made as well
}

// targets are all there are. Debian has one name, armhf, for ARMv7 and for the
// ARMv6 of older Raspberry Pis: one deb that runs on both has it. For rpm they are
// two.
func targets() []target {
	return []target{
		{"linux-amd64", "amd64", []string{"deb", "rpm"}},
		{"linux-arm64", "arm64", []string{"deb", "rpm"}},
		{"linux-armv6", "arm6", []string{"deb", "rpm"}},
		{"linux-armv7", "arm7", []string{"rpm"}},
		{"linux-riscv64", "riscv64", []string{"deb", "rpm"}},
	}
}
