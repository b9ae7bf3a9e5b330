package store_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"pairmq/hal/disk"
	"pairmq/store"
)

// remountDir names, to the process that has a namespace of its own, where it may mount.
const remountDir = "PAIRMQ_TEST_REMOUNT_DIR"

// TestOnARemountedFileSystem is the kernel's word for what the other tests
// simulate: a file system is remounted read-only, and the store opens on it, serves,
// and is whole when it is writable again. It needs no root, but a kernel that lets
// users have mount namespaces.
func TestOnARemountedFileSystem(t *testing.T) {
	if dir := os.Getenv(remountDir); dir != "" {
		onRemounted(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), remountDir+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if len(out) == 0 && err != nil {
		t.Skipf("not shown on this machine: no process may have a mount namespace: %v", err)
	}
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("not shown on this machine:\n%s", out)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

func onRemounted(t *testing.T, dir string) {
	if err := syscall.Mount("pairmq", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("a file system cannot be mounted: %v", err)
	}
	open := func() store.Options {
		t.Helper()
		fs, err := disk.OS(dir)
		if err != nil {
			t.Fatal(err)
		}
		return options(fs, true)
	}
	r := mustStart(t, open())
	acks, err := putAll(r.Store, 0, 100, 4, queues)
	if err != nil {
		t.Fatal(err)
	}
	r.CommitOffset("group", "Topic0", 0, 1)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	r = mustStart(t, open())
	if !r.Frozen() {
		t.Error("the store does not know that its file system is read-only")
	}
	if _, err := putAll(r.Store, 200, 1, 1, queues); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("a send says %v, want ErrReadOnly", err)
	}
	if _, err := store.Open(open()); !errors.Is(err, disk.ErrLocked) {
		t.Errorf("opened twice: %v, want ErrLocked", err)
	}
	check := func() {
		t.Helper()
		for _, a := range acks {
			if err := checkAcked(r.Store, a, queues); err != nil {
				t.Fatal(err)
			}
		}
		if offset, _ := r.Offset("group", "Topic0", 0); offset != 1 {
			t.Errorf("the offset is %d, want 1", offset)
		}
	}
	check()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	remount(0)
	r = mustStart(t, open())
	check()
	more, err := putAll(r.Store, 300, 10, 2, queues)
	if err != nil {
		t.Fatal(err)
	}
	acks = append(acks, more...)
	check()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}
