package rights

import (
	"testing"

	"pairmq/internal/remoting"
)

// TestEveryNamedCodeHasARow: who gives a code a name decides what right it needs.
func TestEveryNamedCodeHasARow(t *testing.T) {
	named := 0
	for code := range int32(210_000) {
		row, listed := Of(code)
		hasName := remoting.RequestName(code)[0] > '9'
		if hasName {
			named++
		}
		if listed != hasName {
			t.Errorf("request %d (%s): listed is %t, named is %t", code, remoting.RequestName(code), listed, hasName)
		}
		if listed && row.Code != code {
			t.Errorf("request %d has the row %+v", code, row)
		}
		if row.Right != Client && row.Topic+row.Group != "" {
			t.Errorf("request %d needs the right %s and names a topic or a group, which are for clients'", code, row.Right)
		}
	}
	if named < 160 {
		t.Errorf("%d codes have names", named)
	}
}
