package machine

import (
	"math"
	"time"

	"pairmq/hal/board"
)

// paceTime is how much of the past the pace is of, the later the more; soonest is
// how much of it must be known before the pace is.
const (
	paceTime = time.Hour
	soonest  = 10 * time.Minute
)

// A pace is a mean that forgets.
type pace struct {
	bytes, seconds float64
	last           int64
	at             time.Duration
	known          time.Duration
	seen           bool
}

// add counts written bytes, of which there were fewer at the last call; run is how
// long something has run. A count that has begun anew says nothing.
func (p *pace) add(written int64, run time.Duration) {
	if n, d := written-p.last, run-p.at; p.seen && n >= 0 && d > 0 {
		fade := math.Exp(-d.Seconds() / paceTime.Seconds())
		p.bytes = p.bytes*fade + float64(n)
		p.seconds = p.seconds*fade + d.Seconds()
		p.known += d
	}
	p.last, p.at, p.seen = written, run, true
}

// perDay is 0 as long as it is too early to tell.
func (p *pace) perDay() int64 {
	if p.known < soonest {
		return 0
	}
	return int64(p.bytes / p.seconds * (24 * time.Hour).Seconds())
}

// lookAtWear counts what is written.
func (m *Machine) lookAtWear() {
	w := &m.snap.Wear
	own, err := m.opts.Board.OwnWritten()
	if m.known(AbsentOwn, err) {
		w.Own = own
	}
	if m.disk == nil {
		return
	}
	n, err := m.opts.Board.Written(m.disk)
	if !m.known(AbsentWritten, err) {
		return
	}
	w.Boot = n
	m.pace.add(n, time.Since(m.start))
	w.Pace = m.pace.perDay()
	up := m.opts.Uptime()
	w.Total, w.Over = n, up
	isNew := false
	if m.book != nil {
		*m.book = m.book.next(n, int64(up.Seconds()))
		w.Total, w.Over = m.book.Total, time.Duration(m.book.Over)*time.Second
		isNew = m.book.New
	}
	w.PerDay, _ = board.PerDay(w.Total, w.Over)
	w.YearsKnown = false
	if isNew { // else what wore it before was never counted
		w.YearsLeast, w.YearsMost, w.YearsKnown = board.YearsLeft(m.snap.Place.Life, w.Total, w.PerDay)
	}
	m.judgePace()
}

// allowed is how many bytes may be written a day, 0 if nothing says so: what is
// configured, or what has the flash live as long as it shall. Until the flash has
// told its second step, any number of years may be left, and nothing is too much.
func (m *Machine) allowed() int64 {
	least := m.opts.BudgetPerDay
	w := &m.snap.Wear
	if m.opts.Years > 0 && w.YearsKnown && !math.IsInf(w.YearsMost, 1) {
		byYears := max(1, int64(w.YearsMost*float64(w.PerDay)/float64(m.opts.Years)))
		if least == 0 || byYears < least {
			least = byYears
		}
	}
	return least
}

// judgePace compares the pace with the budget, and acts when that changes.
func (m *Machine) judgePace() {
	w := &m.snap.Wear
	limit, was := m.allowed(), w.Budget
	if m.opts.Action == ActNone || limit == 0 {
		w.Budget = BudgetNone
	} else if over := was >= BudgetOver; !over && w.Pace > limit || over && w.Pace > limit/10*9 {
		w.Budget = BudgetOver
		if m.opts.Action == ActLinger {
			w.Budget = BudgetLinger
		}
	} else {
		w.Budget = BudgetKept
	}
	if (was >= BudgetOver) == (w.Budget >= BudgetOver) {
		return
	}
	var linger time.Duration
	if w.Budget == BudgetLinger {
		linger = m.opts.Linger
	}
	if m.host != nil {
		linger = m.host.SetLinger(linger)
	}
	attrs := []any{"mibPerDay", w.Pace >> 20, "allowedMiBPerDay", limit >> 20, "ownMiB", w.Own >> 20, "linger", linger.String()}
	if w.Budget >= BudgetOver {
		m.log.Warn("more is written to the flash than its budget allows", attrs...)
	} else {
		m.log.Info("the flash is written within its budget again", attrs...)
	}
}
