package discovery

import (
	"time"

	"pairmq/store/table"
)

// A State is how it stands with one name server.
type State int

// The states.
const (
	Unknown    State = iota // not tried yet
	Registered              // the last registration succeeded
	Failing                 // the last registration failed
)

// String returns the state as status output shows it.
func (s State) String() string {
	switch s {
	case Registered:
		return "registered"
	case Failing:
		return "failing"
	}
	return "unknown"
}

// ServerStatus is how it stands with one name server.
type ServerStatus struct {
	Addr    string
	State   State
	Since   time.Time         // when State began
	Last    time.Time         // when a registration succeeded last
	Version table.DataVersion // of the table it has
	Err     error             // of the last registration; nil unless State is Failing
}
