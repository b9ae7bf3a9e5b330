package board

import (
	"math"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func TestClockTrust(t *testing.T) {
	built := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	later := built.Add(time.Hour)
	tests := []struct {
		c    Clock
		want ClockTrust
		name string
	}{
		{Clock{Now: later, Built: built}, ClockUnset, "unset"},
		{Clock{Now: time.Unix(0, 0), Built: built, Kernel: true, Timesyncd: true, Battery: true}, ClockWrong, "wrong"},
		{Clock{Now: built, Built: built, Kernel: true}, ClockSynced, "synced"},
		{Clock{Now: later, Built: built, Timesyncd: true}, ClockSynced, "synced"},
		{Clock{Now: later, Built: built, Battery: true}, ClockKept, "kept"},
		{Clock{Now: time.Unix(0, 0), Kernel: true}, ClockSynced, "synced"}, // a program that does not know when it was made
	}
	for _, tt := range tests {
		if got := tt.c.Trust(); got != tt.want || got.String() != tt.name {
			t.Errorf("%+v: %v, want %v, %s", tt.c, got, tt.want, tt.name)
		}
	}
}

func TestClockIsReadFromFiles(t *testing.T) {
	b := boardOf(t, "gateway")
	c := b.Clock(time.Unix(5, 0), time.Unix(4, 0))
	if !c.Timesyncd || !c.Battery || !c.Now.Equal(time.Unix(5, 0)) || !c.Built.Equal(time.Unix(4, 0)) {
		t.Errorf("of the gateway's clock is known %+v, want timesyncd and a battery", c)
	}
	if c := boardOf(t, "emmc").Clock(time.Now(), time.Time{}); c.Timesyncd || c.Battery {
		t.Errorf("of a board without either is known %+v", c)
	}
	for _, tt := range []struct {
		state  int
		status int32
		want   bool
	}{{0, 0, true}, {unix.TIME_ERROR, 0, false}, {0, unix.STA_UNSYNC, false}, {0, unix.STA_UNSYNC << 1, true}} {
		if got := synchronised(tt.state, tt.status); got != tt.want {
			t.Errorf("adjtimex %d, %#x: synchronised is %v, want %v", tt.state, tt.status, got, tt.want)
		}
	}
}

func TestBuilt(t *testing.T) {
	at := func(value string) *debug.BuildInfo {
		return &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}, {Key: "vcs.time", Value: value}}}
	}
	if got := Built(at("2026-03-01T12:00:00Z")); !got.Equal(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("built %v, want the time of the commit", got)
	}
	for _, info := range []*debug.BuildInfo{nil, {}, at("yesterday")} {
		if got := Built(info); !got.IsZero() {
			t.Errorf("of %v: built %v, want unknown", info, got)
		}
	}
}

func TestJumps(t *testing.T) {
	epoch := time.Unix(0, 0)
	tests := []struct {
		name   string
		wall   time.Duration // since epoch
		run    time.Duration
		by     time.Duration
		jumped bool
	}{
		{"the first look", 0, time.Minute, 0, false},
		{"as it should be", time.Minute, 2 * time.Minute, 0, false},
		{"slowed down", 119 * time.Second, 3 * time.Minute, -time.Second, false},
		{"set forwards", 119*time.Second + time.Minute + time.Hour, 4 * time.Minute, time.Hour, true},
		{"from there on", 119*time.Second + 2*time.Minute + time.Hour, 5 * time.Minute, 0, false},
		{"set back", 0, 6 * time.Minute, -(119*time.Second + 3*time.Minute + time.Hour), true},
		{"just more than allowed", time.Minute + time.Second + 1, 7 * time.Minute, time.Second + 1, true},
		{"far", math.MaxInt64, 8 * time.Minute, math.MaxInt64 - (time.Minute + time.Second + 1) - time.Minute, true},
	}
	var j Jumps
	for _, tt := range tests {
		by, jumped := j.Observe(epoch.Add(tt.wall), tt.run, time.Second)
		if by != tt.by || jumped != tt.jumped {
			t.Errorf("%s: by %v, %v, want %v, %v", tt.name, by, jumped, tt.by, tt.jumped)
		}
	}
}

func TestLookTakesBothClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j Jumps
		start := time.Now()
		for range 3 {
			if by, jumped := j.Look(start, 0); by != 0 || jumped {
				t.Errorf("by %v, %v although both clocks have run alike", by, jumped)
			}
			time.Sleep(time.Minute) // of the test's clock
		}
		j.last = j.last.Add(-time.Hour)
		if by, jumped := j.Look(start, time.Minute); by != time.Hour || !jumped {
			t.Errorf("by %v, %v, want an hour", by, jumped)
		}
	})
}
