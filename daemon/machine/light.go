package machine

import (
	"fmt"
	"slices"
	"strings"

	"pairmq/hal/board"
)

// A Lamp is an LED and what it does: "on", "off", or the kernel's trigger that
// makes it blink, such as heartbeat or timer.
type Lamp struct{ Name, Does string }

// ParseLamps reads "green:status:on red:status:off": names of LEDs have colons of
// their own, what it does is behind the last.
func ParseLamps(text string) ([]Lamp, error) {
	var all []Lamp
	for _, word := range strings.Fields(text) {
		at := strings.LastIndexByte(word, ':')
		if at <= 0 || at == len(word)-1 || strings.Contains(word, "/") {
			return nil, fmt.Errorf("machine: %q is not NAME:on, NAME:off or NAME:TRIGGER of an LED below /sys/class/leds", word)
		}
		all = append(all, Lamp{word[:at], word[at+1:]})
	}
	return all, nil
}

// class is how the machine and its host are together, and why.
func (m *Machine) class() (Class, string) {
	s := &m.snap
	if s.Power.Fails != "" {
		return Fault, s.Power.Fails
	}
	worst, why := OK, ""
	if m.host != nil {
		worst, why = m.host.Health()
	}
	for _, c := range []struct {
		is  bool
		why string
	}{
		{s.Place.Life.Low(), "the flash is nearly worn out: replace the device"},
		{s.Wear.Budget >= BudgetOver, "more is written to the flash than its budget allows"},
		{s.Clock.Trust == board.ClockWrong, "the clock is wrong"},
		{s.Heat.Hot, "the board is too warm"},
		{s.Stall.High, "tasks wait for the disk or for memory"},
	} {
		if c.is && worst < Degraded {
			worst, why = Degraded, c.why
		}
	}
	return worst, why
}

// show sets the lights to what they should show, if that has changed.
func (m *Machine) show() {
	class, why := m.class()
	l := &m.snap.Light
	l.Why = why
	if l.Class == class.String() && m.lit {
		return
	}
	l.Class, m.lit = class.String(), true
	lamps := m.opts.Lamps[class]
	if l.Shown = len(lamps) > 0; !l.Shown {
		return
	}
	for _, lamp := range lamps {
		l.Shown = m.set(lamp) && l.Shown
	}
}

// set has one lamp do what it says; what cannot be set is told once.
func (m *Machine) set(lamp Lamp) bool {
	err := m.light(lamp)
	if err != nil && !slices.Contains(m.dark, lamp.Name) {
		m.dark = append(m.dark, lamp.Name)
		m.log.Warn("a light cannot be set", "led", lamp.Name, "to", lamp.Does, "err", err)
	}
	return err == nil
}

func (m *Machine) light(lamp Lamp) error {
	l, err := m.opts.Board.Light(lamp.Name)
	if err != nil {
		return err
	}
	switch lamp.Does {
	case "on", "off":
		_ = l.SetTrigger("none") // an LED without triggers has none to take back
		if lamp.Does == "off" {
			return l.SetBrightness(0)
		}
		return l.SetBrightness(l.Brightest())
	}
	return l.SetTrigger(lamp.Does)
}

// release leaves the lights dark: nobody is there who would set them.
func (m *Machine) release() {
	for c := OK; c <= Fault; c++ {
		for _, lamp := range m.opts.Lamps[c] {
			if !slices.Contains(m.dark, lamp.Name) {
				m.set(Lamp{lamp.Name, "off"})
			}
		}
	}
}
