package board

import (
	"errors"
	"path/filepath"
)

// A Supply is where the board's power comes from.
type Supply struct {
	Name     string
	Type     string // Mains, USB, Battery, UPS
	Online   bool   // of one that is no battery: power comes from it
	Status   string // of a battery: Charging, Discharging, Full, Not charging, Unknown
	Capacity int64  // of a battery: percent; -1 if it does not tell
}

// Supplies lists them by name, without the batteries of things that are only
// connected, such as a mouse. What cannot be read is left out, and told in the
// error beside the others.
func (b *Board) Supplies() ([]Supply, error) {
	var all []Supply
	var errs []error
	for _, dir := range folders(b.sys("class", "power_supply"), "*") {
		kind, err := read(filepath.Join(dir, "type"))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if word(filepath.Join(dir, "scope")) == "Device" {
			continue
		}
		s := Supply{Name: filepath.Base(dir), Type: kind, Capacity: -1, Status: word(filepath.Join(dir, "status"))}
		online := word(filepath.Join(dir, "online"))
		s.Online = kind != "Battery" && (online == "1" || online == "2") // 2: at a voltage that was asked for
		if n, err := number(filepath.Join(dir, "capacity")); err == nil && n >= 0 && n <= 100 {
			s.Capacity = n
		}
		all = append(all, s)
	}
	return all, errors.Join(errs...)
}

// OnBattery says whether the board lives on what is left: something discharges,
// and nothing else supplies it.
func OnBattery(all []Supply) bool {
	discharges := false
	for _, s := range all {
		if s.Online {
			return false
		}
		discharges = discharges || s.Status == "Discharging"
	}
	return discharges
}
