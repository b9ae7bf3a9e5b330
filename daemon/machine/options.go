package machine

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"pairmq/hal/board"
)

// A Board is what a Machine asks of the hardware; *board.Board has it.
type Board interface {
	Place(folder string) (board.Place, error)
	Life(*board.Disk) (board.Life, error)
	Written(*board.Disk) (int64, error)
	OwnWritten() (int64, error)
	Clock(now, built time.Time) board.Clock
	Zones() ([]board.Zone, error)
	Coolers() ([]board.Cooler, error)
	Pressure(resource string) (board.Pressure, error)
	Supplies() ([]board.Supply, error)
	Light(name string) (board.Light, error)
}

// Options says what a Machine watches.
type Options struct {
	Board  Board                // required
	Folder string               // of the store: the disk below it is the one that is watched; "" watches none
	Built  time.Time            // when this program was made; zero if unknown
	Uptime func() time.Duration // since the machine started, its sleep counted; nil asks the kernel

	BudgetPerDay int64         // bytes that may be written to the disk a day; 0: no such budget
	Years        int           // that the flash shall still last; 0: no such budget
	Action       Action        // what is done beyond the budget
	Linger       time.Duration // of flushes beyond it, with ActLinger; 0 means 50 ms

	Supply     Supply        // what tells that the power fails
	SupplyPoll time.Duration // how often it is asked; 0 means 250 ms
	Lamps      map[Class][]Lamp

	Log *slog.Logger // nil discards
}

// An Action is what is done when more is written than the budget allows.
type Action int

// The actions there are.
const (
	ActNone   Action = iota
	ActWarn          // it is logged and shown
	ActLinger        // and flushes linger, so that fewer are needed
)

func (o *Options) check() error {
	if o.Board == nil {
		return errors.New("machine: Options.Board is required")
	}
	o.Linger = cmp.Or(o.Linger, 50*time.Millisecond)
	o.SupplyPoll = cmp.Or(o.SupplyPoll, 250*time.Millisecond)
	if o.Uptime == nil {
		o.Uptime = uptime
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// uptime asks the clock, since a sandbox may hide /proc/uptime. It is 0 if the
// kernel has no such clock, so that nothing is told per day.
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
