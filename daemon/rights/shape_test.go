package rights

import (
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

// TestEveryRequestButClientsHasAShape: who adds a request that administrators or halves ask says
// what fields it has.
func TestEveryRequestButClientsHasAShape(t *testing.T) {
	shapes := 0
	for code := range int32(210_000) {
		row, listed := Of(code)
		fields, _, shaped := shape(code)
		if want := listed && (row.Right == Read || row.Right == Pair || row.Right == Admin); shaped != want {
			t.Errorf("request %d (%s), which needs the right %s, has a shape: %t", code, remoting.RequestName(code), row.Right, shaped)
		}
		if shaped {
			shapes++
		}
		if fields != "" && (fields[0] != ' ' || fields[len(fields)-1] != ' ' || strings.Contains(fields, "  ")) {
			t.Errorf("request %d: the fields %q", code, fields)
		}
	}
	if shapes < 60 {
		t.Errorf("%d requests have a shape", shapes)
	}
}
