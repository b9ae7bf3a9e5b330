package board

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNoLife: the device does not tell how worn it is, or not without a command
// of its own. The text says why.
var ErrNoLife = errors.New("board: wear is not told")

// A Reserve says how much is left of the blocks that take the place of bad ones.
type Reserve int

// As eMMC and UFS tell it.
const (
	ReserveUnknown Reserve = iota
	ReserveNormal
	ReserveWarning // four fifths are used
	ReserveUrgent  // nearly all are used
)

// String names the reserve.
func (r Reserve) String() string {
	return [...]string{"unknown", "normal", "warning", "urgent"}[max(0, min(r, ReserveUrgent))]
}

// An Estimate is how much of its life a kind of flash has behind it: from From to
// To percent. To is 0 if the device does not say, and above 100 if it is past
// the life it was made for.
type Estimate struct{ From, To int }

// Known says whether the device has estimated anything.
func (e Estimate) Known() bool { return e.To > 0 }

// A Life is what a device tells of its wear.
type Life struct {
	A, B    Estimate // of the two kinds of flash that a device may have: usually SLC, and MLC or TLC
	Reserve Reserve
}

// Worst is the estimate of what is more worn.
func (l Life) Worst() Estimate {
	if l.B.To > l.A.To {
		return l.B
	}
	return l.A
}

// Low says that the device should be replaced: it uses its last tenth, or the
// reserve runs out.
func (l Life) Low() bool { return l.Worst().From >= 90 || l.Reserve >= ReserveWarning }

// String is for people: "10-20 % used, reserve normal".
func (l Life) String() string {
	e := l.Worst()
	switch {
	case !e.Known():
		return "use unknown, reserve " + l.Reserve.String()
	case e.To > 100:
		return "past the life it was made for, reserve " + l.Reserve.String()
	default:
		return fmt.Sprintf("%d-%d %% used, reserve %s", e.From, e.To, l.Reserve)
	}
}

// Life reads how worn a disk is: of eMMC from version 5 on life_time and
// pre_eol_info, of UFS the health descriptor. It fails with ErrNoLife for all
// others: SD cards have no register for it; an NVMe disk has percentage_used in
// its SMART log, which the kernel hands out by ioctl to root and not in sysfs.
func (b *Board) Life(d *Disk) (Life, error) {
	switch d.Kind {
	case EMMC:
		return emmcLife(filepath.Join(d.dir, "device"))
	case UFS:
		return ufsLife(d)
	case SD:
		return Life{}, fmt.Errorf("%w: %s is an SD card, which has no register for it", ErrNoLife, d.Name)
	case NVMe:
		return Life{}, fmt.Errorf("%w: %s is NVMe, whose SMART log the kernel does not show in files: nvme smart-log /dev/%s", ErrNoLife, d.Name, d.Name)
	default:
		return Life{}, fmt.Errorf("%w: the kernel has no file for a disk of the kind %s, which %s is", ErrNoLife, d.Kind, d.Name)
	}
}

// emmcLife reads "0x02 0x01" of life_time, JESD84-B51's
// DEVICE_LIFE_TIME_EST_TYP_A and _B, and PRE_EOL_INFO.
func emmcLife(dir string) (Life, error) {
	name := filepath.Join(dir, "life_time")
	text, err := read(name)
	if err != nil {
		return Life{}, err
	}
	l, err := parseLifeTime(name, text)
	if err != nil {
		return Life{}, err
	}
	l.Reserve, err = readReserve(filepath.Join(dir, "pre_eol_info"))
	return l, err
}

func ufsLife(d *Disk) (l Life, err error) {
	dir, err := d.healthDir()
	if err != nil {
		return Life{}, err
	}
	var errs [3]error
	l.A, errs[0] = readEstimate(filepath.Join(dir, "life_time_estimation_a"))
	l.B, errs[1] = readEstimate(filepath.Join(dir, "life_time_estimation_b"))
	l.Reserve, errs[2] = readReserve(filepath.Join(dir, "eol_info"))
	return l, errors.Join(errs[:]...)
}

func readEstimate(name string) (Estimate, error) {
	text, err := read(name)
	if err != nil {
		return Estimate{}, err
	}
	return parseEstimate(name, text)
}

func readReserve(name string) (Reserve, error) {
	text, err := read(name)
	if err != nil {
		return ReserveUnknown, err
	}
	return parseReserve(name, text)
}

func parseLifeTime(name, text string) (l Life, err error) {
	f := strings.Fields(text)
	if len(f) != 2 {
		return l, nonsense(name, text)
	}
	if l.A, err = parseEstimate(name, f[0]); err == nil {
		l.B, err = parseEstimate(name, f[1])
	}
	return l, err
}

// parseEstimate reads steps of ten percent: 0x00 not defined, 0x01 up to 10 %,
// 0x0A up to 100 %, 0x0B past that.
func parseEstimate(name, text string) (Estimate, error) {
	n, err := strconv.ParseUint(text, 0, 8)
	if err != nil || n > 0x0B {
		return Estimate{}, nonsense(name, text)
	}
	if n == 0 {
		return Estimate{}, nil
	}
	return Estimate{From: int(n-1) * 10, To: int(n) * 10}, nil
}

// parseReserve reads 0x00 not defined, 0x01 normal, 0x02 warning, 0x03 urgent.
func parseReserve(name, text string) (Reserve, error) {
	n, err := strconv.ParseUint(text, 0, 8)
	if err != nil || n > uint64(ReserveUrgent) {
		return ReserveUnknown, nonsense(name, text)
	}
	return Reserve(n), nil
}

// daysPerYear is a year's mean.
const daysPerYear = 365.25

// YearsLeft tells how many years the flash lasts at perDay bytes a day, if
// written bytes have used what l says: what it has worn so far is the only
// measure of what it can bear, and is known in steps of ten percent, hence two
// numbers. The later one is infinite as long as the wear may be none. It tells
// nothing (false) if the device does not, or if nothing is written.
func YearsLeft(l Life, written, perDay int64) (least, most float64, ok bool) {
	e := l.Worst()
	if !e.Known() || written <= 0 || perDay <= 0 {
		return 0, 0, false
	}
	if e.To > 100 {
		return 0, 0, true
	}
	years := func(used int) float64 {
		if used == 0 {
			return math.Inf(1)
		}
		left := float64(written) / float64(used) * float64(100-used) // bytes
		return left / float64(perDay) / daysPerYear
	}
	return years(e.To), years(e.From), true
}
