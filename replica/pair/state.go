package pair

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"pairmq/replica/epoch"
)

// ErrState says that a broker's answer does not tell its state.
var ErrState = errors.New("pair: not the state of a broker")

// maxState bounds a state on the wire, in bytes: with the most epochs it has about 30 KB.
const maxState = 64 << 10

// maxAddr bounds an address, in bytes.
const maxAddr = 80

// A State is what a broker says of itself: the body of request 31001 and of its
// answer, as JSON.
type State struct {
	BrokerName  string        `json:"brokerName"`
	Role        string        `json:"brokerRole"`
	BrokerID    int64         `json:"brokerId"`
	SlaveID     int64         `json:"slaveId"` // the brokerId it has, or last had, as a slave
	Addr        string        `json:"brokerAddr"`
	HAAddr      string        `json:"haAddr"`
	SegmentSize int64         `json:"segmentSize"` // bytes
	Start       int64         `json:"minPhyOffset"`
	End         int64         `json:"confirmedPhyOffset"`
	HandingTo   string        `json:"handingTo,omitempty"` // a master: it takes no messages until this slave is known to be master, or not
	Epochs      epoch.History `json:"epochs"`
}

// Master says whether the broker takes messages.
func (s *State) Master() bool { return s.Role == AsyncMaster || s.Role == SyncMaster }

// Epoch is the latest of the broker's log.
func (s *State) Epoch() epoch.Epoch { return s.Epochs.Last() }

// Encode returns the state as it is sent.
func (s *State) Encode() ([]byte, error) { return json.Marshal(s) }

// Decode reads a state. It fails with ErrState.
func Decode(b []byte) (State, error) {
	var s State
	if len(b) > maxState {
		return s, fmt.Errorf("%w: %d bytes, at most %d are read", ErrState, len(b), maxState)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	if err := s.check(); err != nil {
		return State{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	return s, nil
}

func (s *State) check() error {
	switch {
	case s.BrokerName == "" || len(s.BrokerName) > 255 || strings.ContainsAny(s.BrokerName, "\r\n"):
		return fmt.Errorf("brokerName %.40q", s.BrokerName)
	case !s.Master() && s.Role != Slave:
		return fmt.Errorf("brokerRole %.40q", s.Role)
	case s.BrokerID < 0 || s.SlaveID < 0 || s.SegmentSize < 0 || s.Start < 0 || s.End < s.Start:
		return fmt.Errorf("brokerId %d, %d, segments of %d, log from %d to %d", s.BrokerID, s.SlaveID, s.SegmentSize, s.Start, s.End)
	}
	addrs := []string{s.Addr, s.HAAddr}
	if s.HandingTo != "" {
		addrs = append(addrs, s.HandingTo)
	}
	for _, addr := range addrs {
		if len(addr) > maxAddr { // a zone has no limit of its own
			return fmt.Errorf("an address of %d bytes", len(addr))
		}
		if _, err := netip.ParseAddrPort(addr); err != nil {
			return fmt.Errorf("address %q: %w", addr, err)
		}
	}
	return s.Epochs.Check()
}
