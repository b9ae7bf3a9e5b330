package store

import (
	"bytes"
	"encoding/json"
	"fmt"

	"pairmq/store/table"
)

// valueRequestModes is the key of the value with the request modes: JSON.
const valueRequestModes = "messageRequestMode"

// RequestModes returns how groups consume topics, where that was set; the caller may
// change it. It fails if what was kept cannot be read.
func (s *Store) RequestModes() (table.RequestModes, error) {
	all := table.RequestModes{}
	if v := s.Value(valueRequestModes); v != nil {
		if err := json.Unmarshal(v, &all); err != nil {
			return nil, fmt.Errorf("store: %d bytes of request modes: %w", len(v), err)
		}
	}
	return all, nil
}

// SetRequestModes makes all the request modes; durable on return, and in the tables'
// backup. It counts as a change of the groups; see Versions.
func (s *Store) SetRequestModes(all table.RequestModes) error {
	v, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if bytes.Equal(v, s.Value(valueRequestModes)) {
		return nil
	}
	defer s.changed(&s.versions.groups)
	return s.SetValue(valueRequestModes, v)
}
