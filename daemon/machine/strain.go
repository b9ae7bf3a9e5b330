package machine

// When the board is strained, in degrees below the next trip and in percent of the
// last minute in which nothing got on. What begins at one number ends at another.
const (
	hotMargin, coolMargin = 0.0, 3.0
	highIO, lowIO         = 60.0, 30.0
	highMemory, lowMemory = 10.0, 5.0
)

// judgeHeat says once that the board is too warm, and that it is not any more.
func (m *Machine) judgeHeat(h *Heat) {
	was := m.snap.Heat.Hot
	margin := hotMargin
	if was {
		margin = coolMargin
	}
	h.Hot = h.Throttled || h.MarginKnown && h.Margin <= margin
	switch {
	case h.Hot && !was:
		m.log.Warn("the board is too warm: work that can wait is put off", "celsius", h.Hottest, "throttled", h.Throttled)
	case was && !h.Hot:
		m.log.Info("the board is cool again", "celsius", h.Hottest)
	}
	if h.Hot != was {
		m.rest(h.Hot || m.snap.Stall.High)
	}
}

// judgeStall does the same of tasks that wait for the disk or for memory.
func (m *Machine) judgeStall(s *Stall) {
	was := m.snap.Stall.High
	io, memory := highIO, highMemory
	if was {
		io, memory = lowIO, lowMemory
	}
	s.High = s.IO.Full.Avg60 > io || s.Memory.Full.Avg60 > memory
	switch {
	case s.High && !was:
		m.log.Warn("tasks wait for the disk or for memory: work that can wait is put off", "ioPercent", s.IO.Full.Avg60, "memoryPercent", s.Memory.Full.Avg60)
	case was && !s.High:
		m.log.Info("tasks wait less for the disk and for memory", "ioPercent", s.IO.Full.Avg60, "memoryPercent", s.Memory.Full.Avg60)
	}
	if s.High != was {
		m.rest(s.High || m.snap.Heat.Hot)
	}
}

func (m *Machine) rest(on bool) {
	if m.host != nil {
		m.host.Rest(on)
	}
}
