package interop

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"pairmq/tools/interop/target"
)

// A busy broker answers SYSTEM_BUSY, of which nothing was stored.
const (
	busyCode = 2
	busy     = "SYSTEM_BUSY" // what sends.each expects then
)

// TestBusy has clients send while the disk takes nothing: they are answered SYSTEM_BUSY, and
// what was is not there afterwards. Freezing a file system takes root.
func TestBusy(t *testing.T) {
	t.Parallel() // it waits more than it works
	if kind, err := target.Kind(); err != nil || kind != target.Pairmq {
		t.Skipf("the store of pairmqd alone is put on a disk of its own, not that of %s %v", kind, err)
	}
	disk := newFrozen(t, filepath.Join(t.TempDir(), "store"))
	w := newWorldWith(t, map[string]string{"flushDiskType": "ASYNC_FLUSH", "storePathRootDir": disk.store})
	s := newSends(t, w)
	s.each(t, sendOK)
	disk.freeze(t)
	filled := s.fill(t, w.target.Broker)
	s.each(t, busy)
	disk.thaw(t)
	if n := filled(t); n != 0 {
		t.Errorf("of %d messages senders were not told what became of them", n)
	}
	s.each(t, sendOK)
	s.check(t, w.target.Broker)
}

// A frozen is a file system in a file, that can be made to take nothing.
type frozen struct {
	store  string
	thawed func() error // ends the freeze, once
}

// newFrozen mounts one at store until the test ends: whoever writes there has to have ended
// before, so start it later.
func newFrozen(t *testing.T, store string) *frozen {
	t.Helper()
	d, image := &frozen{store: store}, filepath.Join(t.TempDir(), "disk")
	if err := errors.Join(os.MkdirAll(d.store, 0o755), os.WriteFile(image, nil, 0o600), os.Truncate(image, 256<<20)); err != nil {
		t.Fatal(err)
	}
	d.run(t, "mkfs.ext4", "-q", "-F", image)
	d.run(t, "mount", "-o", "loop", image, d.store)
	t.Cleanup(func() { d.run(t, "umount", d.store) })
	return d
}

func (d *frozen) run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v (this takes root, and the packages mount, e2fsprogs and util-linux)\n%s", name, strings.Join(args, " "), err, out)
	}
}

// freeze has writes wait until thaw, or the end of the test, however that ends: who waits for
// a frozen disk cannot even be killed.
func (d *frozen) freeze(t *testing.T) {
	t.Helper()
	keeper := exec.Command("sh", "-c", `read -r end; exec fsfreeze --unfreeze "$1"`, "sh", d.store)
	keeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // no signal to the test ends it
	stdin, err := keeper.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := keeper.Start(); err != nil {
		t.Fatal(err)
	}
	d.thawed = sync.OnceValue(func() error { return errors.Join(stdin.Close(), keeper.Wait()) })
	t.Cleanup(func() { _ = d.thawed() }) // it is, unless the test has failed
	d.run(t, "fsfreeze", "--freeze", d.store)
}

func (d *frozen) thaw(t *testing.T) {
	t.Helper()
	if err := d.thawed(); err != nil {
		t.Fatalf("thaw %s: %v", d.store, err)
	}
}
