package pair

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pairmq/replica/epoch"
)

// goodState is a state that any broker of these tests may have.
func goodState() State {
	return State{
		BrokerName: "box", Role: SyncMaster, SlaveID: 1, Addr: "10.0.0.1:10911", HAAddr: "10.0.0.1:10912",
		SegmentSize: 64 << 20, Start: 100, End: 700, Epochs: epoch.History{{Number: 1, ID: 1<<64 - 1, Start: 100}, {Number: 2, Boot: 1, ID: 7, Start: 300}},
	}
}

func TestStateIsWhatWasSent(t *testing.T) {
	full := goodState()
	full.HandingTo = "[fe80::1%eth0]:10911"
	full.BrokerName = strings.Repeat("<", 255) // six bytes each, in JSON
	full.Epochs = nil
	for i := range int64(epoch.Most) {
		full.Epochs = append(full.Epochs, epoch.Epoch{Number: 1<<63 - 1 - epoch.Most + i, Boot: 1<<63 - 1, ID: 1<<64 - 1, Start: 1<<63 - 1})
	}
	none := goodState()
	none.Role, none.BrokerID, none.Epochs = Slave, 1, nil
	for _, s := range []State{goodState(), full, none} {
		b, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(b); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%.200s decodes to %+v, %v", b, got, err)
		}
	}
}

func TestRefusedStates(t *testing.T) {
	tests := []struct {
		name   string
		change func(*State)
	}{
		{"no name", func(s *State) { s.BrokerName = "" }},
		{"a long name", func(s *State) { s.BrokerName = strings.Repeat("x", 256) }},
		{"a name of two lines", func(s *State) { s.BrokerName = "box\nmaster" }},
		{"no role", func(s *State) { s.Role = "" }},
		{"a role that there is not", func(s *State) { s.Role = "KING" }},
		{"a negative brokerId", func(s *State) { s.BrokerID = -1 }},
		{"a negative brokerId as a slave", func(s *State) { s.SlaveID = -1 }},
		{"negative segments", func(s *State) { s.SegmentSize = -1 }},
		{"a negative start", func(s *State) { s.Start = -1 }},
		{"an end before the start", func(s *State) { s.End = s.Start - 1 }},
		{"no address", func(s *State) { s.Addr = "" }},
		{"an address that has a name", func(s *State) { s.Addr = "box:10911" }},
		{"an address without a port", func(s *State) { s.HAAddr = "10.0.0.1" }},
		{"an address without end", func(s *State) { s.HAAddr = "[fe80::1%" + strings.Repeat("z", maxAddr) + "]:10912" }},
		{"handing over to nowhere", func(s *State) { s.HandingTo = "nowhere" }},
		{"handing over without end", func(s *State) { s.HandingTo = strings.Repeat("<", 10_000) }},
		{"epochs that descend", func(s *State) { s.Epochs[1].Number = 1; s.Epochs[1].Boot = 0 }},
		{"an epoch 0", func(s *State) { s.Epochs[0].Number = 0 }},
		{"too many epochs", func(s *State) {
			for i := range int64(epoch.Most) {
				s.Epochs = append(s.Epochs, epoch.Epoch{Number: 3 + i, Start: 300})
			}
		}},
	}
	for _, tt := range tests {
		s := goodState()
		tt.change(&s)
		b, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(b); !errors.Is(err, ErrState) || !reflect.DeepEqual(got, State{}) {
			t.Errorf("%s: Decode = %+v, %v; want ErrState", tt.name, got, err)
		}
	}
	good := goodState()
	b, err := good.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "a part": b[:len(b)-1], "two": append(b[:len(b):len(b)], b...), "a list": []byte("[]"), "null": []byte("null"),
		"a number that is none": []byte(strings.Replace(string(b), `"minPhyOffset":100`, `"minPhyOffset":1e300`, 1)),
		"too long":              []byte(`{"brokerName":"` + strings.Repeat("x", maxState)),
	} {
		if got, err := Decode(b); !errors.Is(err, ErrState) {
			t.Errorf("%s: Decode = %+v, %v; want ErrState", name, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	full := goodState()
	full.HandingTo = "10.0.0.2:10911"
	b, err := full.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"brokerName":"\ud800","brokerRole":"SLAVE","brokerAddr":"[::1]:1","haAddr":"[::1%25]:1","epochs":[]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := Decode(in)
		if err != nil {
			return
		}
		out, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Decode(out); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%s decodes to %+v, which encodes to %s (%v)", in, s, out, err)
		}
	})
}
