package interop

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// busyCode is SYSTEM_BUSY, of which nothing was stored.
const busyCode = 2

// TestBusy has clients send while the disk takes nothing: they are answered SYSTEM_BUSY, and
// what was is not there afterwards. Freezing a file system takes root.
func TestBusy(t *testing.T) {
	t.Parallel() // it waits more than it works
	if kind, err := target.Kind(); err != nil || kind != target.Pairmq {
		t.Skipf("the store of pairmqd alone is put on a disk of its own, not that of %s %v", kind, err)
	}
	disk := newFrozen(t)
	w := newWorldWith(t, map[string]string{"flushDiskType": "ASYNC_FLUSH", "storePathRootDir": disk.store})
	const topic, queues = "Busy", 4
	w.topic(t, topic, queues)
	stored := 0
	send := func(n int, busy bool) {
		t.Helper()
		for _, client := range w.clients {
			_, err := client.Delay(within(t, time.Minute), "P_Busy", topic, n, n+1, 0)
			if err == nil {
				stored++
			}
			if busy != (err != nil && strings.Contains(err.Error(), fmt.Sprintf("CODE: %d", busyCode))) {
				t.Errorf("%s: message %d: %v", client.Name, n, err)
			}
		}
	}
	send(0, false)
	disk.freeze(t)
	waits := disk.fill(t, w, topic)
	send(1, true)
	disk.thaw(t)
	stored += <-waits
	send(2, false)
	count := 0
	for q := range int32(queues) {
		end, err := w.conn.MaxOffset(within(t, 20*time.Second), topic, q)
		if err != nil {
			t.Fatal(err)
		}
		count += int(end)
	}
	if count != stored {
		t.Errorf("%d messages are stored, and %d were answered OK", count, stored)
	}
	t.Logf("%d messages were answered OK, and are there", count)
}

// A frozen is a file system in a file, that can be made to take nothing.
type frozen struct{ store string }

func newFrozen(t *testing.T) *frozen {
	t.Helper()
	dir := t.TempDir()
	d := &frozen{filepath.Join(dir, "store")}
	image := filepath.Join(dir, "disk")
	if err := errors.Join(os.Mkdir(d.store, 0o755), os.WriteFile(image, nil, 0o600), os.Truncate(image, 256<<20)); err != nil {
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

// freeze has writes wait until thaw, or the end of the test.
func (d *frozen) freeze(t *testing.T) {
	t.Helper()
	d.run(t, "fsfreeze", "--freeze", d.store)
	t.Cleanup(func() { _ = exec.Command("fsfreeze", "--unfreeze", d.store).Run() }) // it is, unless the test has failed
}

func (d *frozen) thaw(t *testing.T) {
	t.Helper()
	d.run(t, "fsfreeze", "--unfreeze", d.store)
}

// fill sends until no more is taken. How many of these messages were answered OK comes later.
func (d *frozen) fill(t *testing.T, w *world, topic string) (stored <-chan int) {
	t.Helper()
	const senders, size = 64, 1 << 20
	ctx := within(t, 2*time.Minute)
	full, total, failed := make(chan struct{}), make(chan int, 1), make(chan error, senders)
	var mu sync.Mutex
	n, once := 0, sync.OnceFunc(func() { close(full) })
	var all sync.WaitGroup
	for range senders {
		c := dial(t, w.target)
		all.Go(func() {
			_, err := c.Send(ctx, wire.Message{Topic: topic, Body: make([]byte, size)})
			var refused *wire.CodeError
			switch {
			case err == nil:
				mu.Lock()
				n++
				mu.Unlock()
			case errors.As(err, &refused) && refused.Code == busyCode:
				once()
			default:
				failed <- err
				once()
			}
		})
	}
	go func() { all.Wait(); total <- n }()
	select {
	case <-full:
	case <-ctx.Done():
		t.Fatal("64 MiB were taken by a disk that takes nothing")
	}
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	return total
}
