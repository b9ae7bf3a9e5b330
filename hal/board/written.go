package board

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sector is the unit in bytes of /sys/block/X/stat, whatever the disk's own is.
const sector = 512

// Written is how many bytes were written to a disk since the machine started,
// by everybody.
func (b *Board) Written(d *Disk) (int64, error) {
	name := filepath.Join(d.dir, "stat")
	text, err := read(name)
	if err != nil {
		return 0, err
	}
	return parseWritten(name, text)
}

// parseWritten takes the seventh number of Documentation/block/stat.rst.
func parseWritten(name, text string) (int64, error) {
	f := strings.Fields(text)
	if len(f) < 7 {
		return 0, nonsense(name, text)
	}
	n, err := strconv.ParseInt(f[6], 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/sector {
		return 0, nonsense(name, text)
	}
	return n * sector, nil
}

// Uptime is how long ago the machine started.
func (b *Board) Uptime() (time.Duration, error) {
	name := b.proc("uptime")
	text, err := read(name)
	if err != nil {
		return 0, err
	}
	return parseUptime(name, text)
}

// parseUptime reads "86400.52 170000.12", seconds up and seconds idle.
func parseUptime(name, text string) (time.Duration, error) {
	f := strings.Fields(text)
	if len(f) == 0 {
		return 0, nonsense(name, text)
	}
	s, err := strconv.ParseFloat(f[0], 64)
	if err != nil || !(s >= 0 && s < math.MaxInt64/float64(time.Second)) {
		return 0, nonsense(name, text)
	}
	return time.Duration(s * float64(time.Second)), nil
}

// PerDay is the pace in bytes a day of n bytes written within d; false if d is
// too short to tell.
func PerDay(n int64, d time.Duration) (int64, bool) {
	const enough = time.Hour
	if n < 0 || d < enough {
		return 0, false
	}
	return int64(min(float64(n)/d.Hours()*24, math.MaxInt64/2)), true
}

// OwnWritten is how many bytes this process has caused to be written to disks
// since it started. Kernels without task accounting do not tell: the error wraps
// fs.ErrNotExist then.
func (b *Board) OwnWritten() (int64, error) {
	name := b.proc("self", "io")
	text, err := read(name)
	if err != nil {
		return 0, err
	}
	return parseOwnWritten(name, text)
}

// parseOwnWritten takes write_bytes of proc_pid_io(5).
func parseOwnWritten(name, text string) (int64, error) {
	for line := range strings.Lines(text) {
		value, ok := strings.CutPrefix(line, "write_bytes:")
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil && n >= 0 {
			return n, nil
		}
		break
	}
	return 0, nonsense(name, text)
}
