package machine

import (
	"errors"
	"log/slog"
	"slices"
	"strings"

	"pairmq/hal/board"
)

// known notes that the machine tells what is called so, or why it does not (err).
// The first look's are told together, by tellAbsent; what goes missing later by
// itself. What comes and goes is told once.
func (m *Machine) known(what string, err error) bool {
	if err == nil {
		delete(m.absent, what)
		return true
	}
	why := oneLine(err)
	if _, before := m.absent[what]; !before && m.told && !slices.Contains(m.gone, what) {
		m.log.Info("the machine does not tell this any more", "what", what, "why", why)
		m.gone = append(m.gone, what)
	}
	m.absent[what] = why
	if errors.Is(err, board.ErrNonsense) && !slices.Contains(m.odd, what) {
		m.odd = append(m.odd, what)
		m.log.Warn("a file of the kernel says what it should not; it is left out", "what", what, "err", why)
	}
	return false
}

// tellAbsent writes the one line.
func (m *Machine) tellAbsent() {
	m.told = true
	if len(m.absent) == 0 {
		return
	}
	names := make([]string, 0, len(m.absent))
	for name := range m.absent {
		names = append(names, name)
	}
	slices.Sort(names)
	attrs := make([]any, 0, len(names))
	for _, name := range names {
		attrs = append(attrs, slog.String(name, m.absent[name]))
	}
	m.log.Info("what this machine does not tell, or a sandbox hides: the daemon does without", attrs...)
}

// oneLine is an error that several were joined to, in one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
