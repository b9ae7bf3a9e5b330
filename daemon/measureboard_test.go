package main

import (
	"os"
	"path/filepath"
	"testing"

	"pairmq/daemon/metrics"
	"pairmq/hal/board"
)

// TestWhatABoardTellsIsShown, is read once a minute at most, and is not there where
// the board does not tell it.
func TestWhatABoardTellsIsShown(t *testing.T) {
	root := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
	put("sys/class/thermal/thermal_zone0/temp", "48250\n")
	put("proc/pressure/io", "some avg10=0.00 avg60=25.00 avg300=1.11 total=58761459\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n")
	hw := board.New(board.Options{Sys: filepath.Join(root, "sys"), Proc: filepath.Join(root, "proc"), Dev: filepath.Join(root, "dev"), Etc: filepath.Join(root, "etc"), Run: filepath.Join(root, "run")})
	r := &boardReadings{hw: hw, folder: root}
	page := func() scraped {
		p := metrics.NewPage()
		r.measure(p)
		for _, err := range p.Wrong() {
			t.Error(err)
		}
		return parsePage(t, p.Text())
	}
	want := map[string]float64{
		`pairmq_machine_temperature_celsius{zone="thermal_zone0",type="cpu-thermal"}`: 48.25,
		`pairmq_machine_pressure_ratio{resource="io"}`:                                0.25,
	}
	s := page()
	s.expect(t, "at first", want)
	if len(s.values) != len(want) {
		t.Errorf("a board without a known disk tells %v", s.values)
	}
	put("sys/class/thermal/thermal_zone0/temp", "90000\n")
	s = page()
	s.expect(t, "at once again", want)
}
