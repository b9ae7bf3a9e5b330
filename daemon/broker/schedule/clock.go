package schedule

import "time"

// A clock says when what was stored is due, in ms of the time that this process has
// been up: wall clocks of appliances step, backwards too, and have no battery.
//
// Store timestamps are the wall clock's, and stand still while it is behind the
// newest of them. Where on the monotonic clock they belong is noted when messages
// arrive, so that a step between then and the time of delivery changes nothing. For
// what was there at the start only the wall clock can say how long the power was off:
// if it is behind the log, no time is taken to have passed.
type clock struct {
	wall  func() int64 // ms since 1970
	began time.Time
}

// up is how long the clock has been running, in ms.
func (c *clock) up() int64 { return time.Since(c.began).Milliseconds() }

// ahead is by how much up is greater than store timestamps given now, of which the
// newest so far is newest.
func (c *clock) ahead(newest int64) int64 { return c.up() - max(c.wall(), newest) }

// A mark says where on the monotonic clock store timestamps belong, from a queue
// offset on.
type mark struct {
	from  int64 // queue offset
	ahead int64 // ms; see clock
}

// marks are those of a level, ascending; the first one is for what was there at the
// start. A steady wall clock needs no other.
type marks []mark

// maxMarks bounds those of a level. There are as many where a clock is behind the log
// for as long as messages are delayed.
const maxMarks = 256

// slack is by how much a delay (ms) may be wrong where a wall clock steps: so that
// marks suffice for a clock that stands still for all of a delay.
func slack(delay int64) int64 { return max(20, delay/128) }

// add notes that a message arrived at an offset. Where there are too many marks the
// message goes by the last.
func (ms *marks) add(m mark, delay int64) {
	all := *ms
	if last := all[len(all)-1]; m.from <= last.from || len(all) == maxMarks {
		return
	} else if off := m.ahead - last.ahead; -slack(delay) < off && off < slack(delay) {
		return
	}
	*ms = append(all, m)
}

// forget drops what is not needed from the offset on.
func (ms *marks) forget(offset int64) {
	all := *ms
	n := 0
	for n+1 < len(all) && all[n+1].from <= offset {
		n++
	}
	if n > 0 {
		*ms = append(all[:0], all[n:]...)
	}
}

// at is the ahead of the message at an offset.
func (ms marks) at(offset int64) int64 {
	n := 0
	for n+1 < len(ms) && ms[n+1].from <= offset {
		n++
	}
	return ms[n].ahead
}
