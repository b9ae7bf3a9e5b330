package board

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Light is what can show a state to who stands before the box.
type Light interface {
	// SetTrigger gives the light to the kernel, which has it blink as the
	// trigger says: "heartbeat", "timer"; "none" takes it back, dark.
	SetTrigger(name string) error
	// SetBrightness sets it, from 0 (dark) to the brightest it has. A trigger may
	// change it again.
	SetBrightness(n int64) error
	// Brightest is the most that it has.
	Brightest() int64
}

// An LED is a light of the board's. It is a Light.
type LED struct {
	Name       string // green:status
	Brightness int64
	Max        int64
	Trigger    string   // the one that is set
	Triggers   []string // those there are
	dir        string
}

// LEDs lists them by name. What cannot be read is left out, and told in the error
// beside the others.
func (b *Board) LEDs() ([]LED, error) {
	var all []LED
	var errs []error
	for _, dir := range folders(b.sys("class", "leds"), "*") {
		l := LED{Name: filepath.Base(dir), dir: dir}
		var err, err2 error
		l.Brightness, err = number(filepath.Join(dir, "brightness"))
		l.Max, err2 = number(filepath.Join(dir, "max_brightness"))
		if err = errors.Join(err, err2); err != nil {
			errs = append(errs, err)
			continue
		}
		l.Trigger, l.Triggers = parseTriggers(word(filepath.Join(dir, "trigger")))
		all = append(all, l)
	}
	return all, errors.Join(errs...)
}

// Light returns the LED with this name. It fails if the board has none.
func (b *Board) Light(name string) (Light, error) {
	all, err := b.LEDs()
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, errors.Join(fmt.Errorf("board: no LED %q: %w", name, fs.ErrNotExist), err)
}

// parseTriggers reads "none timer [heartbeat] mmc0": the one in brackets is set.
func parseTriggers(text string) (set string, all []string) {
	for _, t := range strings.Fields(text) {
		if len(t) > 2 && t[0] == '[' && t[len(t)-1] == ']' {
			t = t[1 : len(t)-1]
			set = t
		}
		all = append(all, t)
	}
	return set, all
}

// SetTrigger is Light's. It fails if there is no such trigger: its module may be
// missing.
func (l *LED) SetTrigger(name string) error {
	if !slices.Contains(l.Triggers, name) {
		return fmt.Errorf("board: LED %s has no trigger %q, but %v", l.Name, name, l.Triggers)
	}
	if err := write(filepath.Join(l.dir, "trigger"), name); err != nil {
		return err
	}
	l.Trigger = name
	return nil
}

// SetBrightness is Light's. It fails beyond what the LED has.
func (l *LED) SetBrightness(n int64) error {
	if n < 0 || n > l.Max {
		return fmt.Errorf("board: LED %s has a brightness from 0 to %d, not %d", l.Name, l.Max, n)
	}
	if err := write(filepath.Join(l.dir, "brightness"), strconv.FormatInt(n, 10)); err != nil {
		return err
	}
	l.Brightness = n
	return nil
}

// Brightest is Light's.
func (l *LED) Brightest() int64 { return l.Max }

// write gives a file of the kernel's a value. It makes none.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return fmt.Errorf("board: %w", err)
	}
	_, err = f.WriteString(text + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("board: %w", err)
	}
	return nil
}
