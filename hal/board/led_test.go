package board

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestLEDs(t *testing.T) {
	b := boardOf(t, "gateway")
	light, err := b.Light("green:status")
	if err != nil {
		t.Fatal(err)
	}
	l := light.(*LED)
	if l.Max != 255 || l.Trigger != "heartbeat" || !slices.Equal(l.Triggers, []string{"none", "timer", "oneshot", "heartbeat", "mmc0"}) {
		t.Errorf("the LED is %+v", l)
	}
	if err := errors.Join(light.SetTrigger("none"), light.SetBrightness(255)); err != nil || l.Trigger != "none" || l.Brightness != 255 {
		t.Errorf("set to full: %v, %+v", err, l)
	}
	dir := b.sys("class", "leds", "green:status")
	if trigger, n := word(dir+"/trigger"), word(dir+"/brightness"); trigger != "none" || n != "255" {
		t.Errorf("the kernel was told trigger %q and brightness %q, want none and 255", trigger, n)
	}
	for _, err := range []error{light.SetTrigger("disco"), light.SetBrightness(256), light.SetBrightness(-1)} {
		if err == nil || !strings.Contains(err.Error(), "green:status") {
			t.Errorf("beyond what it has: %v, want an error that names the LED", err)
		}
	}
	if n := word(dir + "/brightness"); n != "255" {
		t.Errorf("what was refused has set the brightness to %s", n)
	}
	if _, err := b.Light("../leds/green:status"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an LED by a path: %v, want that there is none", err)
	}
}

// A file that has gone is not made: below /sys nobody could.
func TestAnLEDThatHasGone(t *testing.T) {
	b := boardOf(t, "gateway")
	light, err := b.Light("green:status")
	if err != nil {
		t.Fatal(err)
	}
	dir := b.sys("class", "leds", "green:status")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	makeDir(t, dir)
	if err := light.SetBrightness(1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want that the file does not exist", err)
	}
	if _, err := b.LEDs(); err == nil || !strings.Contains(err.Error(), "brightness") {
		t.Errorf("an LED without brightness: %v, want the file", err)
	}
}

func FuzzParseTriggers(f *testing.F) {
	f.Add("none timer [heartbeat] mmc0")
	f.Add("[] [ ] [[x]]")
	f.Fuzz(func(t *testing.T, text string) {
		if set, all := parseTriggers(text); set != "" && !slices.Contains(all, set) {
			t.Errorf("%q: %q is set, which is none of %q", text, set, all)
		}
	})
}
