package main

import (
	"slices"
	"testing"
)

// TestArchiveIsNewc compares with what `cpio -o -H newc` makes of one file "a"
// with the content "hi", but for its inode and time.
func TestArchiveIsNewc(t *testing.T) {
	var a archive
	a.add("a", modeFile, []byte("hi"))
	want := "070701" + "00000001" + "000081ed" + "00000000" + "00000000" + "00000001" + "00000000" + "00000002" +
		"00000000" + "00000000" + "00000000" + "00000000" + "00000002" + "00000000" + "a\x00" + "hi\x00\x00" +
		"070701" + "00000002" + "00000000" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000" +
		"00000000" + "00000000" + "00000000" + "00000000" + "0000000b" + "00000000" + "TRAILER!!!\x00" + "\x00\x00\x00"
	if got := string(a.bytes()); got != want {
		t.Errorf("archive is\n%q, want\n%q", got, want)
	}
}

func TestModinfoNamesDependencies(t *testing.T) {
	for in, want := range map[string][]string{
		"license=GPL\x00depends=jbd2,mbcache,crc16\x00retpoline=Y\x00": {"jbd2", "mbcache", "crc16"},
		"depends=\x00intree=Y\x00":                                     nil,
		"":                                                             nil,
	} {
		if got := parseModinfo([]byte(in)); !slices.Equal(got, want) {
			t.Errorf("parseModinfo(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTaskStateIsBehindTheName(t *testing.T) {
	for in, want := range map[string]byte{"12 (qemu) T 1 2": 'T', "12 (a) R) S 1": 'S', "12 (qemu)": 0, "": 0} {
		if got := taskState([]byte(in)); got != want {
			t.Errorf("taskState(%q) = %q, want %q", in, got, want)
		}
	}
}
