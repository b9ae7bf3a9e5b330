package index

import (
	"fmt"
	"testing"
)

// TestNotes keeps notes over a crash.
func TestNotes(t *testing.T) {
	dir := t.TempDir()
	x := openOS(t, dir, nil)
	all := func(x *Index) string {
		t.Helper()
		notes, err := x.Notes()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%q", notes)
	}
	fill(t, x)
	if got := all(x); got != "map[]" {
		t.Errorf("at first: %s", got)
	}
	must(t, x.SetNotes(map[string][]byte{"a": []byte("1"), "b": {0}, "c\x00d": []byte("3")}))
	must(t, x.SetNotes(map[string][]byte{"a": []byte("2"), "c\x00d": nil, "none": nil}), x.SetNotes(nil))
	const want = `map["a":"2" "b":"\x00"]`
	if got := all(x); got != want {
		t.Errorf("kept: %s, want %s", got, want)
	}
	crash(t, x) // durable on return
	x = openOS(t, dir, nil)
	if got := all(x); got != want {
		t.Errorf("after a restart: %s, want %s", got, want)
	}
	checkTables(t, x, "clean")
	closeIndex(t, x)
}
