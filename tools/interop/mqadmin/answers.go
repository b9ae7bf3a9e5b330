package mqadmin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// An Answer is what one command of one version came to, normalised.
type Answer struct {
	Command string
	Args    string
	Apache  string // of the same version
	Pairmq  string
}

// Recorded are the answers of a version that were written below this package's
// folder dir; none if the version was never recorded.
func Recorded(dir, version string) ([]Answer, error) {
	b, err := os.ReadFile(filepath.Join(dir, "answers", version+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("mqadmin: %w", err)
	}
	var all []Answer
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("mqadmin: answers of %s: %w", version, err)
	}
	return all, nil
}

// Write writes the answers of a version below this package's folder dir.
func Write(dir, version string, all []Answer) error {
	b, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		return fmt.Errorf("mqadmin: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "answers"), 0o755); err != nil {
		return fmt.Errorf("mqadmin: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, "answers", version+".json"), append(b, '\n'), 0o644)
}
