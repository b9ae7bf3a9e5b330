package machine

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/board"
)

const day = 24 * time.Hour

// sleepAnd waits in the bubble until all that follows is done.
func sleepAnd(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestAMachineThatTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fakeBoard{none: true}
		m, log, stop := runs(t, Options{Board: b, BudgetPerDay: 1, Action: ActLinger}, &fakeHost{})
		sleepAnd(2 * time.Hour)
		stop()
		s := m.Snapshot()
		for _, what := range []string{AbsentPlace, AbsentOwn, AbsentTemperature, AbsentThrottling, AbsentPressure, AbsentSupplies} {
			if s.Has(what) {
				t.Errorf("%s is known of a board that tells nothing", what)
			}
		}
		if n := strings.Count(log.String(), "does without"); n != 1 || strings.Count(log.String(), "\n") != 2 { // and the clock
			t.Errorf("it is said in %d lines of\n%swant 1 of 2", n, log)
		}
		if s.Light.Class != "ok" || s.Wear.Budget != BudgetNone {
			t.Errorf("it shows %+v, budget %v", s.Light, s.Wear.Budget)
		}
	})
}

func TestWhatGoesMissingIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fakeBoard{}
		_, log, stop := runs(t, Options{Board: b}, &fakeHost{})
		for range 5 {
			sleepAnd(time.Minute)
			b.change(func(b *fakeBoard) { b.none = !b.none })
		}
		stop()
		if n := strings.Count(log.String(), "what=diskWritten"); n != 1 {
			t.Errorf("that the disk does not tell any more is said %d times in\n%s", n, log)
		}
	})
}

func TestTheBudgetHasFlushesLinger(t *testing.T) {
	for _, action := range []Action{ActLinger, ActWarn, ActNone} {
		synctest.Test(t, func(t *testing.T) {
			b, h := &fakeBoard{}, &fakeHost{}
			b.trust.Kernel = true
			m, log, stop := runs(t, Options{Board: b, BudgetPerDay: 1 << 30, Action: action}, h)
			defer stop()
			write := func(perDay int64, d time.Duration) {
				for range d / time.Minute {
					sleepAnd(time.Minute)
					b.change(func(b *fakeBoard) { b.written += perDay / (24 * 60) })
				}
			}
			h.take()
			write(4<<30, 9*time.Minute)
			if did := h.take(); did != nil || m.Snapshot().Wear.Pace != 0 {
				t.Fatalf("after nine minutes it has done %v", did)
			}
			write(4<<30, 20*time.Minute)
			want, class, budget := []string{"linger 50ms"}, "degraded", BudgetLinger
			switch action {
			case ActWarn:
				want, budget = []string{"linger 0s"}, BudgetOver
			case ActNone:
				want, class, budget = nil, "ok", BudgetNone
			}
			s := m.Snapshot()
			if did := h.take(); !slices.Equal(did, want) || s.Light.Class != class || s.Wear.Budget != budget {
				t.Errorf("above the budget, action %d: it has done %v, shows %v, %v, want %v, %s, %v", action, did, s.Light, s.Wear.Budget, want, class, budget)
			}
			if pace := s.Wear.Pace; pace < 3<<30 || pace > 5<<30 {
				t.Errorf("the pace is %d bytes a day, want about %d", pace, int64(4<<30))
			}
			write(0, 30*time.Minute) // still above: it forgets slowly
			if did := h.take(); did != nil {
				t.Errorf("half an hour later it has done %v", did)
			}
			write(0, 3*time.Hour)
			if action != ActNone {
				want, budget = []string{"linger 0s"}, BudgetKept
			}
			if did := h.take(); !slices.Equal(did, want) || m.Snapshot().Light.Class != "ok" || m.Snapshot().Wear.Budget != budget {
				t.Errorf("below again: it has done %v, shows %v", did, m.Snapshot().Light)
			}
			lines := 2 * min(1, int(action))
			if n := strings.Count(log.String(), "budget"); n != lines {
				t.Errorf("the budget is in %d lines of\n%swant %d", n, log, lines)
			}
		})
	}
}

// TestYearsSetTheBudget once the flash has told its second step.
func TestYearsSetTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, h := &fakeBoard{}, &fakeHost{}
		b.life = board.Life{A: board.Estimate{From: 0, To: 10}}
		m, _, stop := runs(t, Options{Board: b, Years: 5, Action: ActWarn}, h)
		defer stop()
		write := func(d time.Duration) {
			for range d / time.Hour {
				sleepAnd(time.Hour)
				b.change(func(b *fakeBoard) { b.written += 1 << 30 })
			}
		}
		write(10 * day)
		if s := m.Snapshot(); s.Wear.Budget != BudgetNone || !s.Wear.YearsKnown {
			t.Errorf("in the first step of its life: budget %v, %v to %v years", s.Wear.Budget, s.Wear.YearsLeast, s.Wear.YearsMost)
		}
		b.change(func(b *fakeBoard) { b.life.A = board.Estimate{From: 10, To: 20} })
		write(day)
		s := m.Snapshot()
		if want := 11.0 / 10 * 90 / 365.25; s.Wear.YearsMost < want*0.9 || s.Wear.YearsMost > want*1.1 {
			t.Errorf("ten percent in eleven days: %v years at most, want %v", s.Wear.YearsMost, want)
		}
		if s.Wear.Budget != BudgetOver {
			t.Errorf("less than a year is left, five are wanted: budget %v", s.Wear.Budget)
		}
	})
}

func TestTheDiaryOutlivesRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHost{}
		life := func(written, more int64, up, d time.Duration) Wear {
			b := &fakeBoard{written: written}
			m, _, stop := runs(t, Options{Board: b, Uptime: uptimeSince(time.Now(), up)}, h)
			sleepAnd(d)
			b.change(func(b *fakeBoard) { b.written += more })
			stop()
			return m.Snapshot().Wear
		}
		const gib = 1 << 30
		life(5*gib, 3*gib, time.Hour, 3*time.Hour)             // the daemon's first life: the machine was up before
		life(9*gib, gib, 5*time.Hour, time.Hour)               // the daemon anew, the machine not: 1 GiB in the hour between
		life(2*gib, 2*gib, time.Minute, time.Hour-time.Minute) // the machine anew
		if h.kept != 3 {
			t.Errorf("three stops kept the diary %d times", h.kept)
		}
		d, err := decodeDiary(h.diary)
		want := diary{Version: 1, Disk: "mmcblk0", Total: 14 * gib, Over: 7 * 3600, Boot: 4 * gib, Uptime: 3600}
		if err != nil || d != want {
			t.Errorf("the diary says %+v, %v, want %+v", d, err, want)
		}
		if life(4*gib, 0, time.Hour, 5*time.Minute); h.kept != 3 {
			t.Error("a life of five minutes in which nothing was written has written the diary")
		}
		h.diary = []byte(`{"v":1,"disk":"sda","total":9,"over":9}`)
		if w := life(gib, 0, time.Hour, time.Hour); w.Total != gib {
			t.Errorf("on another disk %d bytes are counted, want %d", w.Total, gib)
		}
	})
}

// TestAnIdleMachineKeepsNoDiary: it costs a commit.
func TestAnIdleMachineKeepsNoDiary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, h := &fakeBoard{}, &fakeHost{}
		_, _, stop := runs(t, Options{Board: b}, h)
		sleepAnd(3 * day)
		if h.kept > 0 {
			t.Errorf("in three days without a write the diary was kept %d times", h.kept)
		}
		for range 24 {
			sleepAnd(time.Hour)
			b.change(func(b *fakeBoard) { b.written += 1 << 30 })
		}
		if h.kept < 3 || h.kept > 4 {
			t.Errorf("in a day with 24 GiB the diary was kept %d times, want every six hours", h.kept)
		}
		stop()
	})
}

func FuzzDecodeDiary(f *testing.F) {
	f.Add([]byte(`{"v":1,"disk":"mmcblk0","new":true,"total":9,"over":8,"boot":7,"uptime":6}`))
	f.Add([]byte(`{"v":1,"total":9223372036854775807}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeDiary(b)
		if err != nil {
			if !errors.Is(err, errDiary) {
				t.Errorf("%q: %v, want errDiary", b, err)
			}
			return
		}
		if again, err := decodeDiary(d.encode()); err != nil || again != d {
			t.Errorf("%q is %+v, which is read as %+v, %v", b, d, again, err)
		}
		if n := d.next(1<<50, 1<<30); n.Total < d.Total || n.Over < d.Over {
			t.Errorf("%q counts back: %+v", b, n)
		}
	})
}

func TestTheSupplyFails(t *testing.T) {
	on := board.Supply{Name: "mains", Type: "Mains", Online: true}
	off := on
	off.Online = false
	synctest.Test(t, func(t *testing.T) {
		supply, err := ParseSupply("power_supply:mains")
		if err != nil {
			t.Fatal(err)
		}
		b, h := &fakeBoard{supplies: []board.Supply{on}}, &fakeHost{}
		o := Options{Board: b, Supply: supply, SupplyPoll: 100 * time.Millisecond, Lamps: map[Class][]Lamp{Fault: {{"red:status", "timer"}}}}
		m, log, stop := runs(t, o, h)
		sleepAnd(time.Minute)
		h.take()
		set := func(s ...board.Supply) { b.change(func(b *fakeBoard) { b.supplies = s }) }
		set(off)
		sleepAnd(101 * time.Millisecond)
		want := []string{"halt the power fails: mains is offline", "sync"}
		s := m.Snapshot()
		if did := h.take(); !slices.Equal(did, want) || s.Power.Fails == "" || s.Light.Class != "fault" || !slices.Equal(b.lights, []string{"red:status timer"}) {
			t.Errorf("0.1 s after the mains: it has done %v, shows %+v, lights %v", did, s.Light, b.lights)
		}
		sleepAnd(time.Second)
		if did := h.take(); len(did) != 10 || did[0] != "sync" {
			t.Errorf("in the next second it has done %v, want ten flushes", did)
		}
		other := &fakeHost{} // the next tenure
		leave := m.Attach(other)
		if did := other.take(); !slices.Contains(did, want[0]) {
			t.Errorf("one that is attached now is told %v", did)
		}
		set(on)
		sleepAnd(time.Second)
		set(off) // it only came back for a moment
		sleepAnd(time.Second)
		if did := other.take(); slices.Contains(did, "resume") {
			t.Errorf("one good second: it has done %v", did)
		}
		set(on)
		sleepAnd(2500 * time.Millisecond)
		if did := other.take(); !slices.Contains(did, "resume") || m.Snapshot().Power.Fails != "" || m.Snapshot().Light.Class != "ok" {
			t.Errorf("the power is back: it has done %v, says %+v", did, m.Snapshot().Power)
		}
		set() // the driver is gone
		sleepAnd(time.Minute)
		if did := other.take(); did != nil {
			t.Errorf("without the supply it has done %v", did)
		}
		leave()
		stop()
		for text, n := range map[string]int{"the power fails": 1, "the power is back": 1, "is not known": 1} {
			if got := strings.Count(log.String(), "msg=\""+text) + strings.Count(log.String(), text+": nothing is flushed"); got != n {
				t.Errorf("%q is %d times in\n%s", text, got, log)
			}
		}
	})
}

func TestSupplies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "value")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	battery := board.Supply{Name: "cap", Type: "Battery", Status: "Discharging"}
	mains := board.Supply{Name: "mains", Type: "Mains", Online: true}
	tests := []struct {
		key      string
		supplies []board.Supply
		why      string
		err      error
	}{
		{"power_supply", []board.Supply{battery}, "the board runs on battery", nil},
		{"power_supply", []board.Supply{battery, mains}, "", nil},
		{"power_supply", nil, "", errNoSupply},
		{"power_supply:cap", []board.Supply{battery, mains}, "cap discharges", nil},
		{"power_supply:mains", []board.Supply{battery, mains}, "", nil},
		{"power_supply:usb", []board.Supply{battery, mains}, "", errNoSupply},
		{"file:" + file + "=0", nil, "", nil},
		{"file:" + file + "=1", nil, file + " says 1", nil},
		{"file:" + file + ".gone=1", nil, "", errNoSupply},
	}
	for _, tt := range tests {
		s, err := ParseSupply(tt.key)
		if err != nil || !s.watched() {
			t.Fatalf("%s: %+v, %v", tt.key, s, err)
		}
		why, err := s.failing(&fakeBoard{supplies: tt.supplies})
		if why != tt.why || !errors.Is(err, tt.err) {
			t.Errorf("%s of %+v: %q, %v, want %q, %v", tt.key, tt.supplies, why, err, tt.why, tt.err)
		}
	}
	for _, text := range []string{"mains", "power_supply:", "power_supply:a/b", "file:", "file:value=0", "file:/value", "file:/value="} {
		if s, err := ParseSupply(text); err == nil {
			t.Errorf("%q is taken for %+v", text, s)
		}
	}
	if s, err := ParseSupply(""); err != nil || s.watched() {
		t.Errorf("nothing to watch: %+v, %v", s, err)
	}
}

func TestLamps(t *testing.T) {
	got, err := ParseLamps(" green:status:on  red::timer ")
	if want := []Lamp{{"green:status", "on"}, {"red:", "timer"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for _, text := range []string{"green", "green:", ":on", "../../x:on"} {
		if got, err := ParseLamps(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		b, h := &fakeBoard{}, &fakeHost{}
		b.trust.Kernel = true
		m, log, stop := runs(t, Options{Board: b, Lamps: map[Class][]Lamp{
			OK: {{"green", "on"}, {"red", "off"}}, Replicating: {{"green", "timer"}}, Degraded: {{"gone", "on"}},
		}}, h)
		for _, class := range []Class{OK, Replicating, Replicating, Degraded, OK} {
			h.mu.Lock()
			h.class = class
			h.mu.Unlock()
			sleepAnd(time.Minute)
			if s := m.Snapshot(); s.Light.Class != class.String() || s.Light.Shown != (class != Degraded) {
				t.Errorf("%v: it shows %+v", class, s.Light)
			}
		}
		stop()
		if want := []string{"green 255", "red 0", "green timer", "green 255", "red 0", "green 0", "red 0", "green 0"}; !slices.Equal(b.lights, want) {
			t.Errorf("the lights were set %v, want %v", b.lights, want)
		}
		if n := strings.Count(log.String(), "led=gone"); n != 1 {
			t.Errorf("that a light is missing is said %d times in\n%s", n, log)
		}
	})
}

func TestABoardUnderStrainRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, h := &fakeBoard{}, &fakeHost{}
		b.trust.Kernel = true
		m, log, stop := runs(t, Options{Board: b}, h)
		h.take()
		io := func(v float64) func(*fakeBoard) { return func(b *fakeBoard) { b.pressure.Full.Avg60 = v } }
		warm := func(v float64) func(*fakeBoard) {
			return func(b *fakeBoard) {
				b.zones = []board.Zone{{Name: "z", Celsius: v, Trips: []board.Trip{{Type: "passive", Celsius: 85}}}}
			}
		}
		for _, tt := range []struct {
			name   string
			change func(*fakeBoard)
			did    []string
			class  string
		}{
			{"warm", warm(84), nil, "ok"},
			{"hot", warm(85), []string{"rest true"}, "degraded"},
			{"hardly cooler", warm(83), nil, "degraded"},
			{"and the disk is slow", io(70), []string{"rest true"}, "degraded"},
			{"cool", warm(80), []string{"rest true"}, "degraded"},
			{"the disk is hardly faster", io(10.5), nil, "degraded"}, // memory's end is 5
			{"fast", io(1), []string{"rest false"}, "ok"},
		} {
			b.change(tt.change)
			sleepAnd(time.Minute)
			if did := h.take(); !slices.Equal(did, tt.did) || m.Snapshot().Light.Class != tt.class {
				t.Errorf("%s: it has done %v, shows %+v, want %v, %s", tt.name, did, m.Snapshot().Light, tt.did, tt.class)
			}
		}
		stop()
		if n := strings.Count(log.String(), "\n"); n != 6 { // the clock, what is absent, and each twice
			t.Errorf("it has logged %d lines, want 6:\n%s", n, log)
		}
	})
}

func TestTheClockIsNotBelievedBlindly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fakeBoard{}
		m, log, stop := runs(t, Options{Board: b, Built: time.Now().Add(time.Hour)}, &fakeHost{})
		if s := m.Snapshot(); s.Clock.Trust != board.ClockWrong || s.Light.Class != "degraded" || s.Light.Why != "the clock is wrong" {
			t.Errorf("before it was made: %+v, %+v", s.Clock, s.Light)
		}
		sleepAnd(2 * time.Hour)
		if s := m.Snapshot(); s.Clock.Trust != board.ClockUnset || s.Light.Class != "ok" {
			t.Errorf("nobody has set it: %+v, %+v", s.Clock, s.Light)
		}
		b.change(func(b *fakeBoard) { b.trust.Timesyncd = true })
		m.mu.Lock()
		m.jumps.Observe(time.Now().Add(-time.Hour), time.Since(m.start), 2*time.Hour) // as if it had shown an hour less
		m.mu.Unlock()
		sleepAnd(time.Minute)
		stop()
		s := m.Snapshot()
		if s.Clock.Trust != board.ClockSynced || s.Clock.Jumps != 1 || s.Clock.By.Round(time.Second) != time.Hour {
			t.Errorf("set by an hour: %+v", s.Clock)
		}
		for _, want := range []string{"the clock is wrong", "nobody is known", "the clock is believed", "by=1h0m0s before=", "after="} {
			if strings.Count(log.String(), want) != 1 {
				t.Errorf("%q is not once in\n%s", want, log)
			}
		}
	})
}
