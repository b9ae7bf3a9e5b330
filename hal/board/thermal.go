package board

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// A Zone is a place of the board whose temperature is measured.
type Zone struct {
	Name    string // thermal_zone0
	Type    string // cpu-thermal
	Celsius float64
	Trips   []Trip
}

// A Trip is a temperature from which on something is done: passive (the processor
// is slowed down), active (a fan), hot, critical (the machine is switched off).
type Trip struct {
	Type    string
	Celsius float64
}

// Margin is by how many degrees a zone is below the lowest trip at which the
// board works worse or not at all: passive, hot or critical; negative beyond it.
// False if it has none.
func (z *Zone) Margin() (degrees float64, ok bool) {
	for _, t := range z.Trips {
		if t.Type != "passive" && t.Type != "hot" && t.Type != "critical" {
			continue
		}
		if d := t.Celsius - z.Celsius; !ok || d < degrees {
			degrees, ok = d, true
		}
	}
	return degrees, ok
}

// maxTrips bounds how many trips of a zone are looked for; the kernel has had at
// most twelve.
const maxTrips = 32

// Zones reads all temperatures. Zones that cannot be read are left out, and told
// in the error beside the others; a sensor that is switched off is one.
func (b *Board) Zones() ([]Zone, error) {
	var zones []Zone
	var errs []error
	for _, dir := range folders(b.sys("class", "thermal"), "thermal_zone*") {
		milli, err := number(filepath.Join(dir, "temp"))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		z := Zone{Name: filepath.Base(dir), Type: word(filepath.Join(dir, "type")), Celsius: float64(milli) / 1000}
		for i := range maxTrips {
			trip := filepath.Join(dir, fmt.Sprintf("trip_point_%d_", i))
			milli, err := number(trip + "temp")
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			z.Trips = append(z.Trips, Trip{word(trip + "type"), float64(milli) / 1000})
		}
		zones = append(zones, z)
	}
	return zones, errors.Join(errs...)
}

// A Cooler is what the kernel keeps temperatures down with: a fan, or the
// processor made slower.
type Cooler struct {
	Name       string // cooling_device0
	Type       string // cpufreq-cpu0, Processor, pwm-fan
	State, Max int64  // 0 is not cooling
}

// Throttles says whether it is the processor, made slower now.
func (c *Cooler) Throttles() bool {
	slow := strings.HasPrefix(c.Type, "cpufreq") || strings.HasPrefix(c.Type, "thermal-cpufreq") || c.Type == "Processor"
	return slow && c.State > 0
}

// Coolers reads what cools, and how much; as Zones, without what cannot be read.
func (b *Board) Coolers() ([]Cooler, error) {
	var all []Cooler
	var errs []error
	for _, dir := range folders(b.sys("class", "thermal"), "cooling_device*") {
		state, err := number(filepath.Join(dir, "cur_state"))
		limit, err2 := number(filepath.Join(dir, "max_state"))
		if err = errors.Join(err, err2); err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, Cooler{filepath.Base(dir), word(filepath.Join(dir, "type")), state, limit})
	}
	return all, errors.Join(errs...)
}

// A Frequency is how fast processors run that share a clock.
type Frequency struct {
	Name              string // policy0
	Now, Allowed, Max int64  // kHz: as it runs, as it may at most now, and as it is made for
}

// Frequencies reads how fast the processors run; those that do not tell are left out.
func (b *Board) Frequencies() ([]Frequency, error) {
	var all []Frequency
	var errs []error
	for _, dir := range folders(b.sys("devices", "system", "cpu", "cpufreq"), "policy*") {
		now, err := number(filepath.Join(dir, "scaling_cur_freq"))
		allowed, err2 := number(filepath.Join(dir, "scaling_max_freq"))
		most, err3 := number(filepath.Join(dir, "cpuinfo_max_freq"))
		if err = errors.Join(err, err2, err3); err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, Frequency{filepath.Base(dir), now, allowed, most})
	}
	return all, errors.Join(errs...)
}
