package agents

import (
	"errors"
	"testing"
)

// TestHalfAnEventIsNoticed has an agent print what is no event: whoever waits for events hears of it.
func TestHalfAnEventIsNoticed(t *testing.T) {
	for _, tt := range []struct {
		print string // a command of the shell
		want  error
	}{
		{"echo @ok id=1", nil},
		{"echo 12:34:56 WARN what a client logs", ErrGarbled},
		{"echo @ok id=1 props=ha12:34:56 WARN what a client logs", ErrGarbled},
		{"head -c 1100000 /dev/zero | tr '\\0' x", ErrGarbled}, // more than maxLine
		{"exit", ErrEnded},
	} {
		a, err := Start("shell", false, t.TempDir(), "/bin/sh", []string{"-c", "read -r command; " + tt.print + "; read -r more"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.command(t.Context(), "try"); !errors.Is(err, tt.want) {
			t.Errorf("%s: %.200v, want %v", tt.print, err, tt.want)
		}
		if _, err := a.command(t.Context(), "again"); tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s, the next command: %.200v, want %v", tt.print, err, tt.want)
		}
		a.Close()
	}
}
