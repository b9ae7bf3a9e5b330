package metrics

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// TestATextfileIsWrittenAnewAndRemoved: at once, every 15 s, and not at all when the
// daemon has stopped.
func TestATextfileIsWrittenAnewAndRemoved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pairmq.prom")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		made := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			KeepTextfile(ctx, path, func() []byte { made++; return []byte("x 1\n") }, func(err error) { t.Errorf("failed is told %v", err) })
		}()
		time.Sleep(46 * time.Second)
		synctest.Wait()
		if made != 4 {
			t.Errorf("written %d times in 46 s, want at 0, 15, 30 and 45", made)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "x 1\n" {
			t.Errorf("the file is %q, %v", b, err)
		}
		if all := names(t, dir); len(all) != 1 {
			t.Errorf("the folder has %q", all)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o044 != 0o044 {
			t.Errorf("node_exporter, another user, may not read it: %v, %v", info.Mode(), err)
		}
		cancel()
		<-done
	})
	if all := names(t, dir); len(all) != 0 {
		t.Errorf("the folder has %q after the stop", all)
	}
}

// TestATextfileThatFailsIsSaidOnce, and that it works again.
func TestATextfileThatFailsIsSaidOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		told := make(chan error, 9)
		done := make(chan struct{})
		go func() {
			defer close(done)
			KeepTextfile(ctx, filepath.Join(dir, "p.prom"), func() []byte { return []byte("x 1\n") }, func(err error) { told <- err })
		}()
		time.Sleep(40 * time.Second)
		synctest.Wait()
		if n, err := len(told), <-told; n != 1 || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("without a folder %d times %v is told, want one error", n, err)
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if n, err := len(told), <-told; n != 1 || err != nil {
			t.Errorf("with the folder %d times %v is told, want that it works", n, err)
		}
		cancel()
		<-done
	})
}

// TestAReaderFindsAWholeTextfile replaces a file while another one is open.
func TestAReaderFindsAWholeTextfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.prom")
	for _, text := range []string{"first 1\n", "second 2\n"} {
		if err := os.WriteFile(path+".tmp", []byte("left by a crash"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := writeTextfile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("the file is %q, %v", b, err)
		}
	}
	before, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	if err := writeTextfile(path, []byte("third 3\n")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, _ := before.Read(b); string(b[:n]) != "second 2\n" {
		t.Errorf("who had the file open reads %q", b[:n])
	}
}
