package machine

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"testing"
	"time"

	"pairmq/hal/board"
)

// A fakeBoard tells what its fields say, and writes down what lights are set to.
type fakeBoard struct {
	mu       sync.Mutex
	none     bool // it tells nothing
	life     board.Life
	written  int64
	trust    board.Clock
	zones    []board.Zone
	pressure board.Pressure
	supplies []board.Supply
	lights   []string
}

func (b *fakeBoard) change(f func(*fakeBoard)) { b.mu.Lock(); defer b.mu.Unlock(); f(b) }

func (b *fakeBoard) tells() error {
	if b.none {
		return fmt.Errorf("fake: %w", fs.ErrNotExist)
	}
	return nil
}

func (b *fakeBoard) Place(string) (board.Place, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.none {
		return board.Place{}, b.tells()
	}
	return board.Place{Mounts: []board.Mount{{Type: "f2fs", Point: "/data"}}, Disks: []board.Disk{{Name: "mmcblk0", Kind: board.EMMC}}}, nil
}

func (b *fakeBoard) Life(*board.Disk) (board.Life, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.life, b.tells()
}
func (b *fakeBoard) Written(*board.Disk) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written, b.tells()
}
func (b *fakeBoard) OwnWritten() (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return 4096, b.tells()
}
func (b *fakeBoard) Clock(now, built time.Time) board.Clock {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.trust
	c.Now, c.Built = now, built
	return c
}
func (b *fakeBoard) Zones() ([]board.Zone, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.zones, b.tells()
}
func (b *fakeBoard) Coolers() ([]board.Cooler, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return []board.Cooler{{Name: "cooling_device0", Type: "pwm-fan", State: 1, Max: 1}}, b.tells()
}
func (b *fakeBoard) Pressure(string) (board.Pressure, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pressure, b.tells()
}
func (b *fakeBoard) Supplies() ([]board.Supply, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.supplies, b.tells()
}

// A fakeLight is called by its name in what it writes down.
type fakeLight struct {
	b    *fakeBoard
	name string
}

func (b *fakeBoard) Light(name string) (board.Light, error) {
	if name == "gone" {
		return nil, fs.ErrNotExist
	}
	return fakeLight{b, name}, nil
}

func (l fakeLight) SetTrigger(name string) error {
	if name != "none" {
		l.b.change(func(b *fakeBoard) { b.lights = append(b.lights, l.name+" "+name) })
	}
	return nil
}

func (l fakeLight) SetBrightness(n int64) error {
	l.b.change(func(b *fakeBoard) { b.lights = append(b.lights, fmt.Sprintf("%s %d", l.name, n)) })
	return nil
}

func (l fakeLight) Brightest() int64 { return 255 }

// A fakeHost writes down what it is told.
type fakeHost struct {
	mu     sync.Mutex
	did    []string
	class  Class
	diary  []byte
	kept   int
	failed error // what Sync says
}

func (h *fakeHost) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.did = append(h.did, fmt.Sprintf(format, args...))
}

// take returns what was written down since.
func (h *fakeHost) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	did := h.did
	h.did = nil
	return did
}

func (h *fakeHost) SetLinger(d time.Duration) time.Duration { h.note("linger %v", d); return d }
func (h *fakeHost) Rest(on bool)                            { h.note("rest %v", on) }
func (h *fakeHost) Halt(why string)                         { h.note("halt %s", why) }
func (h *fakeHost) Resume()                                 { h.note("resume") }
func (h *fakeHost) Sync() error                             { h.note("sync"); return h.failed }
func (h *fakeHost) Health() (Class, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.class, h.class.String()
}
func (h *fakeHost) Diary() []byte { return h.diary }
func (h *fakeHost) KeepDiary(b []byte) error {
	h.kept++
	h.diary = b
	return nil
}

// lockedLog may be read while others write.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// uptimeSince is that of a machine that was up so long before at start.
func uptimeSince(start time.Time, before time.Duration) func() time.Duration {
	return func() time.Duration { return before + time.Since(start) }
}

// runs has a Machine run in a bubble, with h attached, until stop.
func runs(t *testing.T, o Options, h Host) (m *Machine, log *lockedLog, stop func()) {
	t.Helper()
	log = new(lockedLog)
	o.Folder, o.Log = "/data/pairmq", slog.New(slog.NewTextHandler(log, nil))
	if o.Uptime == nil {
		o.Uptime = uptimeSince(time.Now(), time.Minute)
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	leave := m.Attach(h)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	return m, log, func() {
		leave()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
