package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pairmq/hal/board"
)

// A Supply is what tells that the power fails. The zero value tells nothing.
type Supply struct {
	kind  string // "power_supply" or "file"
	name  string // of the supply, "" for all together; or the file's path
	fails string // what the file says then
}

// ParseSupply reads
//
//	power_supply          the board runs on battery, all supplies together
//	power_supply:NAME     the supply of this name is offline, or discharges
//	file:PATH=VALUE       the file says VALUE: a GPIO line's value below /sys/class/gpio, say
//
// and "" for none.
func ParseSupply(text string) (Supply, error) {
	kind, rest, more := strings.Cut(text, ":")
	switch {
	case text == "":
		return Supply{}, nil
	case kind == "power_supply" && !more:
		return Supply{kind: kind}, nil
	case kind == "power_supply" && rest != "" && !strings.Contains(rest, "/"):
		return Supply{kind: kind, name: rest}, nil
	case kind == "file":
		path, value, ok := strings.Cut(rest, "=")
		if ok && filepath.IsAbs(path) && value != "" {
			return Supply{kind: kind, name: path, fails: value}, nil
		}
	}
	return Supply{}, fmt.Errorf("machine: a supply is power_supply, power_supply:NAME or file:PATH=VALUE with an absolute path, not %q", text)
}

// watched says whether there is something to watch.
func (s Supply) watched() bool { return s.kind != "" }

// errNoSupply: what is watched is not there, which is no failure of the power.
var errNoSupply = errors.New("machine: the supply that is watched is not there")

// failing says why the power fails, "" if it does not.
func (s Supply) failing(b Board) (why string, err error) {
	if s.kind == "file" {
		text, err := readShort(s.name)
		if err != nil {
			return "", fmt.Errorf("%w: %w", errNoSupply, err)
		}
		if text == s.fails {
			return s.name + " says " + text, nil
		}
		return "", nil
	}
	all, err := b.Supplies()
	if s.name == "" {
		if len(all) == 0 {
			return "", errors.Join(errNoSupply, err)
		}
		if board.OnBattery(all) {
			return "the board runs on battery", nil
		}
		return "", nil
	}
	for _, p := range all {
		switch {
		case p.Name != s.name:
		case p.Type == "Battery" && p.Status == "Discharging":
			return s.name + " discharges", nil
		case p.Type != "Battery" && !p.Online:
			return s.name + " is offline", nil
		default:
			return "", nil
		}
	}
	return "", errors.Join(fmt.Errorf("%w: power_supply %s", errNoSupply, s.name), err)
}

// readShort returns what a file of the kernel's says, a word.
func readShort(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b [64]byte
	n, err := f.Read(b[:])
	if n == 0 && err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return strings.TrimSpace(string(b[:n])), nil
}

// goodTime is how long the power must be back before it is believed.
const goodTime = 2 * time.Second

// watchSupply acts when the power fails or is back. While it fails, everything is
// flushed again and again: a slave goes on copying.
func (m *Machine) watchSupply() {
	why, err := m.opts.Supply.failing(m.opts.Board)
	p := &m.snap.Power
	switch {
	case err != nil: // as if all were well: a sensor that is gone must not stop a broker
		if !m.blind {
			m.log.Error("whether the power fails is not known: nothing is flushed when it does", "err", err)
		}
		m.blind = true
		why = ""
	case m.blind:
		m.blind = false
		m.log.Info("the supply is watched")
	}
	switch {
	case why != "" && p.Fails == "":
		m.powerFails(why)
	case why != "":
		m.good = time.Time{}
		m.flush()
	case p.Fails != "" && m.good.IsZero():
		m.good = time.Now()
	case p.Fails != "" && time.Since(m.good) >= goodTime:
		m.powerIsBack()
	}
}

func (m *Machine) powerFails(why string) {
	p := &m.snap.Power
	p.Fails, p.Since, m.good = "the power fails: "+why, time.Now(), time.Time{}
	if m.host != nil {
		m.host.Halt(p.Fails)
	}
	m.publish()
	begin := time.Now()
	m.flush()
	m.log.Error("the power fails: everything is flushed, and no messages are taken until it is back", "because", why, "flushedIn", time.Since(begin).String())
	m.show()
	m.publish()
}

func (m *Machine) powerIsBack() {
	p := &m.snap.Power
	m.log.Info("the power is back: messages are taken again", "after", time.Since(p.Since).Round(time.Millisecond).String())
	p.Fails, p.Since, m.good, m.unflushed = "", time.Time{}, time.Time{}, false
	if m.host != nil {
		m.host.Resume()
	}
	m.show()
	m.publish()
}

// flush has the host put everything on flash. What fails there the store logs
// itself, and ends.
func (m *Machine) flush() {
	if m.host == nil {
		return
	}
	if err := m.host.Sync(); err != nil && !m.unflushed {
		m.unflushed = true
		m.log.Error("not everything could be flushed while the power fails", "err", err)
	}
}
