package machine

import (
	"time"

	"pairmq/hal/board"
)

// A Snapshot is what was known of the machine at one moment. It is a value: its
// slices and its map are not changed after it was made, by nobody.
type Snapshot struct {
	At time.Time // when something in it was read last

	Place Place
	Wear  Wear
	Heat  Heat
	Stall Stall
	Power Power
	Clock Clock
	Light Light

	// Absent says what this machine does not tell, by what it is, and why. What is
	// in it is zero above.
	Absent map[string]string
}

// The names of Absent.
const (
	AbsentPlace       = "place"
	AbsentLife        = "flashLife"
	AbsentWritten     = "diskWritten"
	AbsentOwn         = "ownWritten"
	AbsentTemperature = "temperature"
	AbsentThrottling  = "throttling"
	AbsentPressure    = "pressure"
	AbsentSupplies    = "supplies"
)

// Has says whether the machine tells what is called so in Absent.
func (s *Snapshot) Has(name string) bool { _, absent := s.Absent[name]; return !absent }

// A Place is what the store lies on.
type Place struct {
	FileSystem string // "f2fs at /data"; "" if unknown
	Device     string // "mmcblk0p2 (eMMC, write back)"; "" if unknown
	Disk       string // the one at the bottom, mmcblk0; "" if unknown
	Life       board.Life
}

// Wear is what is written to the disk that the store lies on.
type Wear struct {
	Boot int64 // bytes by everybody since the machine started
	Own  int64 // bytes by this process since it started

	Total int64         // bytes by everybody since counting began, over restarts
	Over  time.Duration // the time that the machine has run meanwhile
	// PerDay is the mean of Total in bytes for each day that the machine runs; 0 as
	// long as it is too early to tell.
	PerDay int64
	// Pace is the same of the last hour or so; 0 if too early to tell.
	Pace int64
	// Years that the flash lasts at PerDay, at least and at most, if YearsKnown.
	// The later one is infinite as long as the wear may be none.
	YearsLeast, YearsMost float64
	YearsKnown            bool

	Budget Budget
}

// A Budget says how the pace of writing stands to what is allowed.
type Budget int

// The states of a Budget.
const (
	BudgetNone   Budget = iota // nobody has set one
	BudgetKept                 // the pace is below
	BudgetOver                 // it is above, which is told
	BudgetLinger               // it is above, and flushes linger
)

// String names the state.
func (b Budget) String() string {
	return [...]string{"none", "kept", "over", "over, flushes linger"}[max(0, min(b, BudgetLinger))]
}

// Heat is how warm the board is, and whether that makes it slow.
type Heat struct {
	Zones       []board.Zone
	Hottest     float64 // degrees Celsius
	Margin      float64 // degrees that are left until the board works worse, of the zone with the fewest; see MarginKnown
	MarginKnown bool
	Throttled   bool // the processor is made slower now
	Hot         bool // throttled, or too near to it, with hysteresis: background work waits
}

// Stall is how much tasks wait for the disk and for memory.
type Stall struct {
	IO, Memory board.Pressure
	High       bool // one of them is, with hysteresis: background work waits
}

// Power is where the board's power comes from.
type Power struct {
	Supplies  []board.Supply
	OnBattery bool
	Fails     string    // why the daemon takes no messages: the supply that is watched has failed; "" if it has not
	Since     time.Time // when it failed
}

// Clock is how far the wall clock can be believed.
type Clock struct {
	Trust board.ClockTrust
	Jumps int           // that were seen since the daemon started
	By    time.Duration // of the last one, negative if the clock was set back
	At    time.Time     // when that was seen, by the clock as it was set
}

// Light is what the lights of the board show.
type Light struct {
	Class string // ok, degraded, replicating or fault
	Why   string // in a few words; "" if ok
	Shown bool   // by a light: one is configured, and could be set
}
