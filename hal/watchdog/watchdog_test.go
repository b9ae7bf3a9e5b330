package watchdog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A fake is a driver that can run for at most so many seconds; 0: nothing can be set.
type fake struct {
	most     int
	now      int
	silent   bool // does not tell its timeout
	stays    bool // nowayout
	fails    error
	written  strings.Builder
	asked    []int
	closings int
}

func (f *fake) Write(b []byte) (int, error) {
	if f.fails != nil {
		return 0, f.fails
	}
	return f.written.Write(b)
}
func (f *fake) Close() error { f.closings++; return nil }
func (f *fake) setTimeout(s int) (int, error) {
	f.asked = append(f.asked, s)
	if s > f.most {
		return 0, syscall.EINVAL
	}
	f.now = s
	return s, nil
}
func (f *fake) timeout() (int, error) {
	if f.silent {
		return 0, syscall.EOPNOTSUPP
	}
	return f.now, nil
}
func (f *fake) noWayOut() bool { return f.stays }

// TestTimeouts: what the hardware can, or has.
func TestTimeouts(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    fake
		want time.Duration
	}{
		{"as wanted", fake{most: 600}, time.Minute},
		{"a Raspberry Pi's runs for 15 s at most", fake{most: 15}, 15 * time.Second},
		{"fixed", fake{now: 10}, 10 * time.Second},
		{"it does not say", fake{silent: true}, 0},
		{"nonsense", fake{now: -1}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := arm(&tt.f, time.Minute)
			if tt.want == 0 {
				if err == nil || tt.f.closings != 1 || tt.f.written.String() != "V" {
					t.Errorf("armed: %v, %v; closed %d times, written %q", d, err, tt.f.closings, tt.f.written.String())
				}
				return
			}
			if err != nil || d.Timeout() != tt.want || tt.f.written.Len() > 0 {
				t.Errorf("%v, %v; want %v, asked for %v", d, err, tt.want, tt.f.asked)
			}
		})
	}
}

// TestOnlyDisarmStopsIt: what is written never stops it but at the end, where that is meant.
func TestOnlyDisarmStopsIt(t *testing.T) {
	open := func(f *fake) *Device {
		f.most = 60
		d, err := arm(f, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := d.Feed(); err != nil {
				t.Fatal(err)
			}
		}
		return d
	}
	var stopped, left, stays, failing fake
	if err := open(&stopped).Disarm(); err != nil || stopped.written.String() != "\x00\x00\x00V" || stopped.closings != 1 {
		t.Errorf("stopped: %v, written %q, closed %d times", err, stopped.written.String(), stopped.closings)
	}
	if err := open(&left).Abandon(); err != nil || left.written.String() != "\x00\x00\x00" || left.closings != 1 {
		t.Errorf("left: %v, written %q, closed %d times", err, left.written.String(), left.closings)
	}
	stays.stays = true
	if err := open(&stays).Disarm(); !errors.Is(err, ErrNoWayOut) || !strings.Contains(err.Error(), "1m0s") || stays.closings != 1 {
		t.Errorf("with nowayout: %v, closed %d times", err, stays.closings)
	}
	d := open(&failing)
	failing.fails = syscall.EIO
	if err := d.Feed(); !errors.Is(err, syscall.EIO) {
		t.Errorf("a feed that fails: %v", err)
	}
	if err := d.Disarm(); !errors.Is(err, syscall.EIO) || failing.closings != 1 {
		t.Errorf("a stop that fails: %v, closed %d times", err, failing.closings)
	}
}

// TestWhatTheKernelShows of a watchdog, or does not.
func TestWhatTheKernelShows(t *testing.T) {
	sys := t.TempDir()
	first := filepath.Join(sys, "class", "watchdog", "watchdog0")
	if err := os.MkdirAll(first, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"state": "active\n", "nowayout": "1\n"} {
		if err := os.WriteFile(filepath.Join(first, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]bool{"/dev/watchdog": true, "/dev/watchdog0": true, "/dev/watchdog1": false} {
		if e := entry(sys, path); says(e, "state", "active") != want || (&node{entry: e}).noWayOut() != want {
			t.Errorf("%s is shown in %s: active and nowayout should be %v", path, e, want)
		}
	}
	if says(first, "state", "inactive") {
		t.Error("it is active and inactive")
	}
}

// TestNoDevice: a file that is no watchdog is not taken for one.
func TestNoDevice(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "watchdog"), time.Minute); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Open("/dev/null", time.Minute); err == nil || !strings.Contains(err.Error(), "does not say") {
		t.Errorf("/dev/null: %v", err)
	}
}
