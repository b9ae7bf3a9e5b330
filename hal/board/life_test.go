package board

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func TestLifeOfEachKind(t *testing.T) {
	tests := []struct {
		tree, folder string
		want         Life
		text         string
		err          error
	}{
		{"emmc", "/srv/pairmq store", Life{Estimate{20, 30}, Estimate{10, 20}, ReserveNormal}, "20-30 % used, reserve normal", nil},
		{"ufs", "/", Life{Estimate{90, 100}, Estimate{}, ReserveWarning}, "90-100 % used, reserve warning", nil},
		{"dm", "/store", Life{}, "use unknown, reserve unknown", ErrNoLife}, // an SD card
	}
	for _, tt := range tests {
		b := boardOf(t, tt.tree)
		p, err := b.place(tt.folder)
		if err != nil {
			t.Fatal(err)
		}
		l, err := b.Life(p.Base())
		if l != tt.want || l.String() != tt.text || !errors.Is(err, tt.err) {
			t.Errorf("%s: life %+v, %q, %v, want %+v, %q, %v", tt.tree, l, l, err, tt.want, tt.text, tt.err)
		}
	}
	for kind, part := range map[Kind]string{SD: "SD card", NVMe: "nvme smart-log", Virtual: "no file for"} {
		_, err := New(Options{}).Life(&Disk{Name: "x", Kind: kind})
		if !errors.Is(err, ErrNoLife) || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v, want ErrNoLife that says %q", kind, err, part)
		}
	}
}

// An eMMC older than version 5 has no such files; a broken one says what it likes.
func TestLifeThatCannotBeRead(t *testing.T) {
	b := boardOf(t, "emmc")
	p, err := b.place("/srv/pairmq store")
	if err != nil {
		t.Fatal(err)
	}
	dir := b.sys("devices/platform/soc/fe340000.mmc/mmc_host/mmc0/mmc0:0001/")
	put(t, dir+"/life_time", "0x0c 0x01")
	if _, err := b.Life(p.Base()); !errors.Is(err, ErrNonsense) || !strings.Contains(err.Error(), "life_time") {
		t.Errorf("life_time 0x0c: %v, want ErrNonsense and the file", err)
	}
	put(t, dir+"/life_time", "0x0b 0x01")
	if l, err := b.Life(p.Base()); err != nil || l.String() != "past the life it was made for, reserve normal" {
		t.Errorf("life_time 0x0b: %q, %v", l, err)
	}
	if err := os.Remove(dir + "/life_time"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Life(p.Base()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no life_time: %v, want that it does not exist", err)
	}
}

func TestLowLife(t *testing.T) {
	for _, tt := range []struct {
		l   Life
		low bool
	}{
		{Life{}, false}, {Life{A: Estimate{80, 90}, Reserve: ReserveNormal}, false}, {Life{A: Estimate{90, 100}}, true},
		{Life{B: Estimate{100, 110}}, true}, {Life{Reserve: ReserveWarning}, true}, {Life{A: Estimate{0, 10}, Reserve: ReserveUrgent}, true},
	} {
		if got := tt.l.Low(); got != tt.low {
			t.Errorf("%+v: low is %v, want %v", tt.l, got, tt.low)
		}
	}
}

func TestYearsLeft(t *testing.T) {
	const gib = 1 << 30
	half := Life{A: Estimate{40, 50}}
	tests := []struct {
		name            string
		l               Life
		written, perDay int64
		least, most     float64
		ok              bool
	}{
		// 1461 GiB have used 40 to 50 %: as much again is left at least, and 6/4 of it at most.
		{"half", half, 1461 * gib, gib, 4, 6, true},
		{"twice the pace", half, 1461 * gib, 2 * gib, 2, 3, true},
		{"the worse kind counts", Life{A: Estimate{0, 10}, B: Estimate{40, 50}}, 1461 * gib, gib, 4, 6, true},
		{"new", Life{A: Estimate{0, 10}}, 1461 * gib, gib, 36, math.Inf(1), true},
		{"last step", Life{A: Estimate{90, 100}}, 1461 * gib, gib, 0, 4. / 9, true},
		{"past it", Life{A: Estimate{100, 110}}, 1461 * gib, gib, 0, 0, true},
		{"not told", Life{}, 1461 * gib, gib, 0, 0, false},
		{"nothing written", half, 0, gib, 0, 0, false},
		{"nothing is written", half, gib, 0, 0, 0, false},
		{"counters that are none", half, -1, -1, 0, 0, false},
	}
	for _, tt := range tests {
		least, most, ok := YearsLeft(tt.l, tt.written, tt.perDay)
		if math.Abs(least-tt.least) > 1e-9 || most != tt.most && math.Abs(most-tt.most) > 1e-9 || ok != tt.ok {
			t.Errorf("%s: %v to %v years, %v; want %v to %v, %v", tt.name, least, most, ok, tt.least, tt.most, tt.ok)
		}
	}
}

func TestPace(t *testing.T) {
	b := boardOf(t, "emmc")
	p, err := b.place("/srv/pairmq store")
	if err != nil {
		t.Fatal(err)
	}
	n, err := b.Written(p.Base())
	if err != nil || n != 1<<30 {
		t.Errorf("written %d, %v, want 1 GiB", n, err)
	}
	up, err := b.Uptime()
	if err != nil || up != 24*time.Hour {
		t.Errorf("up for %v, %v, want a day", up, err)
	}
	for _, tt := range []struct {
		n    int64
		d    time.Duration
		want int64
		ok   bool
	}{
		{n, up, 1 << 30, true}, {1 << 20, 6 * time.Hour, 4 << 20, true}, {0, up, 0, true},
		{1 << 20, time.Minute, 0, false}, {1 << 20, 0, 0, false}, {1 << 20, -up, 0, false}, {-1, up, 0, false},
		{math.MaxInt64, time.Hour, math.MaxInt64/2 + 1, true},
	} {
		if got, ok := PerDay(tt.n, tt.d); got != tt.want || ok != tt.ok {
			t.Errorf("%d bytes in %v are %d a day, %v; want %d, %v", tt.n, tt.d, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzParseLifeTime(f *testing.F) {
	f.Add("0x03 0x02")
	f.Add("0x00 0x0B")
	f.Add("-1 010")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLifeTime("life_time", text)
		if err != nil && !errors.Is(err, ErrNonsense) {
			t.Errorf("%q: %v, want ErrNonsense", text, err)
		}
		if e := l.Worst(); e.From < 0 || e.To > 110 || e.Known() && e.To != e.From+10 {
			t.Errorf("%q is %+v", text, l)
		}
	})
}

func FuzzParseReserve(f *testing.F) {
	f.Add("0x01")
	f.Add("0xff")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := parseReserve("eol_info", text); r.String() == "" || err != nil && !errors.Is(err, ErrNonsense) {
			t.Errorf("%q is %v, %v", text, r, err)
		}
	})
}

func FuzzParseWritten(f *testing.F) {
	f.Add("1 2 3 4 5 6 7 8 9")
	f.Add("1 2 3 4 5 6 9223372036854775807")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseWritten("stat", text); n < 0 || err != nil && !errors.Is(err, ErrNonsense) {
			t.Errorf("%q: %d written, %v", text, n, err)
		}
	})
}

func FuzzParseUptime(f *testing.F) {
	f.Add("86400.52 170000.12")
	f.Add("NaN")
	f.Add("1e300")
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseUptime("uptime", text); d < 0 || err != nil && !errors.Is(err, ErrNonsense) {
			t.Errorf("%q: up for %v, %v", text, d, err)
		}
	})
}
