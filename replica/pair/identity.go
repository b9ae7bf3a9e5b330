package pair

import "fmt"

// Identity returns what stays of what was kept of the pair when the log is given up:
// what the broker is, and who the others are. The history of the log goes, so that
// nobody takes what follows for its continuation.
func Identity(kept []byte) ([]byte, error) {
	var s saved
	if _, err := s.UnmarshalMsg(kept); err != nil {
		return nil, fmt.Errorf("pair: what was kept of the pair cannot be read: %w", err)
	}
	s.Raise, s.Handing, s.Epochs = false, "", nil
	return s.MarshalMsg(nil)
}
