package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// When the diary is kept. It costs a commit of its own, some dozens of KiB, which a
// disk that is hardly written must not have to bear.
const (
	runBytes  = 64 << 20 // written to the disk since it was kept last
	runTime   = 6 * time.Hour
	stopBytes = 1 << 20
	stopTime  = 10 * time.Minute
)

// errDiary: what was kept is no diary.
var errDiary = errors.New("machine: no diary of the disk's wear")

// A diary is what was written to the disk over the restarts of the machine. The
// kernel counts from its own start; whether it has started anew since is told by
// its counters, one of which is less than before then.
type diary struct {
	Version int    `json:"v"`
	Disk    string `json:"disk"`
	New     bool   `json:"new"`    // its wear was in the first step when counting began
	Total   int64  `json:"total"`  // bytes since counting began
	Over    int64  `json:"over"`   // seconds that the machine has run meanwhile
	Boot    int64  `json:"boot"`   // the kernel's count of bytes when this was kept
	Uptime  int64  `json:"uptime"` // seconds since the machine's start, then
}

const diaryVersion = 1

func (d *diary) encode() []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic("machine: " + err.Error()) // numbers and a name can always be written
	}
	return b
}

func decodeDiary(b []byte) (d diary, err error) {
	if err := json.Unmarshal(b, &d); err != nil {
		return diary{}, fmt.Errorf("%w: %w", errDiary, err)
	}
	const most = math.MaxInt64 / 4
	for _, n := range []int64{d.Total, d.Over, d.Boot, d.Uptime} {
		if n < 0 || n > most {
			return diary{}, fmt.Errorf("%w: a count of %d", errDiary, n)
		}
	}
	if d.Version != diaryVersion || d.Boot > d.Total || d.Uptime > d.Over || d.Over > most/int64(time.Second) {
		return diary{}, fmt.Errorf("%w: version %d, %d of %d bytes, %d of %d s", errDiary, d.Version, d.Boot, d.Total, d.Uptime, d.Over)
	}
	return d, nil
}

// next counts on, with what the kernel counts now.
func (d *diary) next(boot, uptime int64) diary {
	n := *d
	if boot >= d.Boot && uptime >= d.Uptime { // it is the same start of the machine
		n.Total += boot - d.Boot
		n.Over += uptime - d.Uptime
	} else {
		n.Total += boot
		n.Over += uptime
	}
	n.Boot, n.Uptime = boot, uptime
	return n
}

// readDiary goes on with what was kept of the same disk, or begins anew. Without a
// disk there is none.
func (m *Machine) readDiary(kept []byte) {
	if _, unknown := m.absent[AbsentWritten]; m.disk == nil || unknown || m.book != nil {
		return
	}
	begun := diary{Version: diaryVersion, Disk: m.disk.Name, New: m.isNew()}
	d := begun
	if len(kept) > 0 {
		var err error
		if d, err = decodeDiary(kept); err != nil {
			m.log.Warn("what was written to the disk is counted anew", "err", err)
			d = begun
		} else if d.Disk != m.disk.Name {
			m.log.Info("the store lies on another disk: what is written to it is counted anew", "was", d.Disk, "disk", m.disk.Name)
			d = begun
		}
	}
	m.book, m.kept = &d, d
	m.lookAtWear()
}

// isNew says whether the disk is in the first step of its life, so that all that
// wore it is about to be counted.
func (m *Machine) isNew() bool {
	e := m.snap.Place.Life.Worst()
	return e.Known() && e.From == 0
}

// keepDiary keeps it if so much was written and so much time is over since it was
// kept; at a stop, either.
func (m *Machine) keepDiary(bytes int64, after time.Duration) {
	if m.book == nil || m.host == nil {
		return
	}
	n, t := m.book.Total-m.kept.Total, time.Duration(m.book.Over-m.kept.Over)*time.Second
	if stop := after == stopTime; stop && n < bytes && t < after || !stop && (n < bytes || t < after) {
		return
	}
	m.kept = *m.book // once, also if it fails
	if err := m.host.KeepDiary(m.book.encode()); err != nil {
		m.log.Warn("what was written to the disk so far is not kept", "bytes", m.book.Total, "err", err)
	}
}
