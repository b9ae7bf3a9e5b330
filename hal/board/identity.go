package board

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// ErrNoIdentity: nothing on this machine tells it from others of its make.
var ErrNoIdentity = errors.New("board: no identity")

// Identity returns 32 hexadecimal digits that stay the same on this machine and
// differ from those of others, and of other applications: HMAC-SHA256 under key
// of /etc/machine-id or, where there is none, of the device tree's serial number.
// What it is made of cannot be had back from it by who does not know the key; a serial
// number is short enough to be tried out by who does. No address of a network
// card is used: those change with the card. It fails with ErrNoIdentity if there
// is neither.
func (b *Board) Identity(key []byte) (string, error) {
	if len(key) == 0 {
		return "", errors.New("board: an identity needs the key of its application")
	}
	id, err := read(filepath.Join(b.opts.Etc, "machine-id"))
	if err == nil && validMachineID(id) {
		return derive(key, "machine-id", id), nil
	}
	serial, err2 := read(b.proc("device-tree", "serial-number"))
	serial = strings.Trim(serial, "\x00 ")
	if err2 == nil && validSerial(serial) {
		return derive(key, "serial-number", serial), nil
	}
	return "", fmt.Errorf("%w: neither machine-id nor a serial number: %w", ErrNoIdentity, errors.Join(err, err2))
}

func derive(key []byte, from, text string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(from + "\x00" + text))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// validMachineID knows an id by machine-id(5): 32 hexadecimal digits. An image
// that was never started has an empty file, or "uninitialized".
func validMachineID(id string) bool {
	raw, err := hex.DecodeString(id)
	return err == nil && len(raw) == 16 && strings.Trim(id, "0") != ""
}

// validSerial refuses what makers leave where they give no number.
func validSerial(s string) bool {
	return len(s) >= 4 && strings.Trim(s, s[:1]) != ""
}
