package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatTheKernelSaysOfLandlock(t *testing.T) {
	tests := []struct {
		version int
		errno   unix.Errno
		want    int
		says    string
	}{
		{version: 1, says: "version 1"},
		{version: 2, want: 2},
		{version: 7, want: 7},
		{version: 40, want: 40}, // what it knows more is not used
		{version: -1, errno: unix.ENOSYS, says: "older than 5.13"},
		{version: -1, errno: unix.EOPNOTSUPP, says: "lsm="},
		{version: -1, errno: unix.EPERM, says: "SystemCallFilter="},
	}
	for _, tt := range tests {
		got, err := usable(tt.version, tt.errno)
		if got != tt.want || (err == nil) != (tt.says == "") {
			t.Errorf("usable(%d, %v) = %d, %v, want %d", tt.version, tt.errno, got, err, tt.want)
		}
		if tt.says != "" && (!errors.Is(err, ErrNone) || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("usable(%d, %v): %v, want ErrNone that says %q", tt.version, tt.errno, err, tt.says)
		}
	}
	if _, err := usable(-1, unix.EFAULT); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("EFAULT: %v, want an error that is not ErrNone", err)
	}
}

// The kernel refuses rules with a right that it does not know.
func TestRulesHaveWhatTheVersionKnows(t *testing.T) {
	r := Rules{Read: []string{"/r", "/both"}, Write: []string{"/w", "/both", ""}, Files: []string{"/f"}}
	tests := []struct {
		abi            int
		fs, net        uint64
		read, all, dev uint64
	}{
		{2, 0x3fff, 0, 0xc, 0x23be, 0xe},
		{3, 0x7fff, 0, 0xc, 0x63be, 0x400e},
		{4, 0x7fff, 1, 0xc, 0x63be, 0x400e},
		{5, 0xffff, 1, 0xc, 0x63be, 0xc00e},
		{9, 0xffff, 1, 0xc, 0x63be, 0xc00e},
	}
	for _, tt := range tests {
		if h := handled(tt.abi); h.Access_fs != tt.fs || h.Access_net != tt.net {
			t.Errorf("version %d handles %#x, %#x, want %#x, %#x", tt.abi, h.Access_fs, h.Access_net, tt.fs, tt.net)
		}
		want := fmt.Sprint([]grant{{"/r", tt.read}, {"/both", tt.all}, {"/w", tt.all}, {"/f", tt.dev}})
		if got := fmt.Sprint(r.grants(tt.abi)); got != want {
			t.Errorf("version %d: %s, want %s", tt.abi, got, want)
		}
		for _, g := range r.grants(tt.abi) {
			if g.right&unix.LANDLOCK_ACCESS_FS_EXECUTE != 0 || g.right&^tt.fs != 0 {
				t.Errorf("version %d: %s has %#x", tt.abi, g.path, g.right)
			}
		}
	}
}

// probe builds the program that restricts itself, without cgo as pairmqd is.
func probe(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "probe")
	cmd := exec.Command("go", "build", "-o", bin, "./testdata/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return bin
}

// Where the kernel has landlock the rules hold, for root too; where it has none the
// program must say so and be able to do everything: no skip.
func TestTheKernelHoldsAProcessToItsRules(t *testing.T) {
	bin := probe(t)
	dir := t.TempDir()
	read, write, other := filepath.Join(dir, "read"), filepath.Join(dir, "write"), filepath.Join(dir, "other")
	for _, d := range []string{read, write, other} {
		for _, name := range []string{"file", "gone"} {
			if err := errors.Join(os.MkdirAll(d, 0o700), os.WriteFile(filepath.Join(d, name), []byte("text"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	device := filepath.Join(other, "device")
	// A device would do, and there is none that anybody may write to for nothing.
	if err := errors.Join(os.WriteFile(device, nil, 0o600), os.Symlink(filepath.Join(other, "file"), filepath.Join(write, "out"))); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	mine, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := mine.Addr().String()
	mine.Close()
	_, port, _ := net.SplitHostPort(own)
	abi, none := version()
	deeds := []struct {
		deed, path string
		ok         bool
	}{
		{"read", read + "/file", true},
		{"list", read, true},
		{"write", read + "/file", false},
		{"make", read + "/new", false},
		{"remove", read + "/gone", false},
		{"read", write + "/file", true},
		{"write", write + "/file", true},
		{"make", write + "/new", true},
		{"move", write + "/file", true},
		{"socket", write + "/socket", true},
		{"link", write + "/link", false},
		{"remove", write + "/gone", true},
		{"read", write + "/out", false}, // a link leads out of the folder
		{"write", write + "/out", false},
		{"read", other + "/file", false},
		{"list", other, false},
		{"write", other + "/file", false},
		{"make", other + "/new", false},
		{"remove", other + "/gone", false},
		{"write", device, true},
		{"read", "/etc/passwd", false},
		{"read", "/proc/self/status", false},
		{"run", "/bin/true", false},
		{"listen", own, true},
		{"listen", "127.0.0.1:0", abi < abiPorts},
		{"dial", ln.Addr().String(), true},
	}
	args := []string{read, write, device, port}
	for _, d := range deeds {
		args = append(args, d.deed, d.path)
	}
	out, err := exec.Command(bin, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("probe: %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if none != nil {
		t.Logf("this kernel: %v", none)
		if !strings.HasPrefix(lines[0], "enforced 0 0 ") || !strings.Contains(lines[0], ErrNone.Error()) {
			t.Errorf("probe says %q, want ErrNone", lines[0])
		}
	} else if want := fmt.Sprintf("enforced %d 1 <nil>", abi); lines[0] != want {
		t.Fatalf("probe says %q, want %q\n%s", lines[0], want, out)
	}
	const threads = 8
	if len(lines) != 1+threads+len(deeds) {
		t.Fatalf("%d lines, want %d\n%s", len(lines), 1+threads+len(deeds), out)
	}
	for _, l := range lines[1 : 1+threads] {
		if strings.HasPrefix(l, "thread true") == (none == nil) {
			t.Errorf("a thread that was there before: %s", l)
		}
	}
	for i, d := range deeds {
		l := lines[1+threads+i]
		if want := d.ok || none != nil; !strings.HasPrefix(l, fmt.Sprintf("%s %v", d.deed, want)) {
			t.Errorf("%s %s: %s, want %v", d.deed, d.path, l, want)
		}
		if !d.ok && none == nil && !strings.Contains(l, "permission denied") {
			t.Errorf("%s %s: %s, want permission denied", d.deed, d.path, l)
		}
	}
	t.Logf("landlock %d: %d deeds, %d refused", abi, len(deeds)+threads, strings.Count(string(out), "permission denied"))
}
