package board

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentity(t *testing.T) {
	b := boardOf(t, "gateway")
	machine, serial := filepath.Join(b.opts.Etc, "machine-id"), b.proc("device-tree", "serial-number")
	key := []byte("pairmq")
	const fixed = "3cbf9cbf178a96ec6e21d1890a421b11" // what it was once it must stay
	first, err := b.Identity(key)
	if err != nil || first != fixed {
		t.Errorf("identity %s, %v, want %s", first, err, fixed)
	}
	if other, err := b.Identity([]byte("another")); err != nil || other == first {
		t.Errorf("of another application: %s, %v, want another one", other, err)
	}
	for _, none := range []string{"", "uninitialized", "0123", strings.Repeat("0", 32), strings.Repeat("x", 32)} {
		put(t, machine, none)
		if id, err := b.Identity(key); err != nil || len(id) != 32 || id == first {
			t.Errorf("with machine-id %q: %s, %v, want that of the serial number", none, id, err)
		}
	}
	put(t, serial, "10000000abcdef01\x00")
	a, err := b.Identity(key)
	put(t, serial, "10000000abcdef01")
	if c, err2 := b.Identity(key); a != c || err != nil || err2 != nil {
		t.Errorf("%s with and %s without the zero that ends a device tree's text, %v, %v", a, c, err, err2)
	}
	for _, none := range []string{"", "0000000000000000", "123"} {
		put(t, serial, none)
		if id, err := b.Identity(key); !errors.Is(err, ErrNoIdentity) {
			t.Errorf("with serial number %q: %s, %v, want ErrNoIdentity", none, id, err)
		}
	}
	if err := errors.Join(os.Remove(serial), os.Remove(machine)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Identity(key); !errors.Is(err, ErrNoIdentity) || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "serial-number") {
		t.Errorf("with neither: %v, want ErrNoIdentity and the files", err)
	}
	if _, err := b.Identity(nil); err == nil {
		t.Error("an identity without a key, which everybody could make")
	}
}

func FuzzValidIdentity(f *testing.F) {
	f.Add("0123456789abcdef0123456789abcdef")
	f.Add("0000")
	f.Fuzz(func(t *testing.T, text string) {
		if validSerial(text) && (len(text) < 4 || text == strings.Repeat(text[:1], len(text))) {
			t.Errorf("%q is a serial number", text)
		}
		if validMachineID(text) && (len(text) != 32 || text == strings.Repeat("0", 32)) {
			t.Errorf("%q is a machine-id", text)
		}
	})
}
