// Package reset empties the folder of a store, so that the next start begins a new
// one, and gets that done wherever the power is cut: once Begin has returned, the
// folder is empty after the next Finish that returns, and everybody calls Finish
// before they open the store.
//
// It removes what a store and a name server leave in their folder, by name. What else
// lies there is not its own: a mistyped folder loses nothing. Bytes on flash are not
// overwritten.
package reset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"pairmq/hal/disk"
	"pairmq/store/index"
)

// Marker is the file that says that a reset has begun, and what it keeps. It is:
// "PMRS", version 4 (1), length 8, CRC-32 (IEEE) of the rest 4, then what the index's
// backup will hold, nothing if there is to be none. All numbers are big-endian.
const (
	Marker     = "reset.begun"
	magic      = "PMRS"
	version    = 1
	headerSize = 20
	maxMarker  = 64<<20 + headerSize // bytes
)

// ErrDamaged: what the marker says is not known, and so neither what is to be kept.
var ErrDamaged = errors.New("reset: " + Marker + " is damaged: remove it, and reset the folder again")

// Names in the folder, as packages store, index and statefile have them.
const (
	lockFile   = "LOCK"
	backupFile = "meta.bak"
	tmpSuffix  = ".tmp"
)

// ours says whether an entry of the folder goes.
func ours(name string) bool {
	return slices.Contains([]string{
		"commitlog", "quarantine", "meta.db", "meta.db.new", backupFile, "offsets.wal", "ballast", "failures", "namesrv.state", "namesrv.state.damaged",
	}, strings.TrimSuffix(name, tmpSuffix))
}

// A Keep says what is kept of what the store knew. The zero value keeps nothing.
type Keep struct {
	Tables bool // topics and groups
	// Value says what is kept of a value of the store's; nil keeps none.
	Value func(key string, old []byte) []byte
}

// Lock keeps everybody else from the folder. It fails with disk.ErrLocked while a
// daemon runs there.
func Lock(fsys disk.FS) (io.Closer, error) { return fsys.Lock(lockFile) }

// Begin notes, durably, that the folder is to be emptied, and what is kept. The caller
// holds the lock. After an error it may have been noted or not. If a reset has begun already,
// that is the one that is finished.
func Begin(fsys disk.FS, keep Keep) error {
	if _, begun, err := read(fsys); begun || err != nil {
		return err
	}
	var kept []byte
	if keep.Tables || keep.Value != nil {
		value := keep.Value
		if value == nil {
			value = func(string, []byte) []byte { return nil }
		}
		var err error
		if kept, err = index.KeepTables(fsys, backupFile, keep.Tables, value); err != nil {
			return fmt.Errorf("reset: what is to be kept cannot be read: %w", err)
		}
	}
	b := append(make([]byte, 0, headerSize+len(kept)), magic...)
	b = binary.BigEndian.AppendUint32(b, version)
	b = binary.BigEndian.AppendUint64(b, uint64(len(kept)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(kept))
	b = append(b, kept...)
	err := disk.Replace(fsys, Marker, b)
	if errors.Is(err, syscall.ENOSPC) && fsys.Remove("ballast") == nil { // the room that the store keeps for what must be written
		err = disk.Replace(fsys, Marker, b)
	}
	if err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	return nil
}

// Finish empties the folder if a reset has begun, and returns whether one had. The
// caller holds the lock. After an error, or a power cut, it is called again.
func Finish(fsys disk.FS) (bool, error) {
	kept, begun, err := read(fsys)
	if !begun || err != nil {
		return false, err
	}
	if err := empty(fsys); err != nil {
		return false, fmt.Errorf("reset: %w", err)
	}
	if len(kept) > 0 {
		if err := disk.Replace(fsys, backupFile, kept); err != nil {
			return false, fmt.Errorf("reset: %w", err)
		}
	}
	if err := errors.Join(fsys.Remove(Marker), fsys.SyncDir(".")); err != nil {
		return false, fmt.Errorf("reset: %w", err) // it is there again after a power cut: nothing may be stored
	}
	return true, nil
}

// Others lists what is in the folder and stays there.
func Others(fsys disk.FS) (names []string, err error) {
	all, err := fsys.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if !ours(e.Name) && e.Name != lockFile && strings.TrimSuffix(e.Name, tmpSuffix) != Marker {
			names = append(names, e.Name)
		}
	}
	return names, nil
}

// empty removes what is ours, durably.
func empty(fsys disk.FS) error {
	all, err := fsys.ReadDir(".")
	if err != nil {
		return err
	}
	for _, e := range all {
		if !ours(e.Name) {
			continue
		}
		if err := remove(fsys, e.Name, e.Dir); err != nil {
			return err
		}
	}
	return fsys.SyncDir(".")
}

// remove removes a file, or a folder with all that is in it.
func remove(fsys disk.FS, name string, dir bool) error {
	if dir {
		all, err := fsys.ReadDir(name)
		if err != nil {
			return err
		}
		for _, e := range all {
			if err := remove(fsys, path.Join(name, e.Name), e.Dir); err != nil {
				return err
			}
		}
	}
	return fsys.Remove(name)
}

// read returns what the marker says is kept.
func read(fsys disk.FS) (kept []byte, begun bool, err error) {
	f, err := fsys.Open(Marker)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reset: %w", err)
	}
	defer f.Close()
	size, err := f.Size()
	if err == nil && size > maxMarker {
		err = fmt.Errorf("%w: %d bytes", ErrDamaged, size)
	}
	if err != nil {
		return nil, false, fmt.Errorf("reset: %w", err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && size > 0 {
		return nil, false, fmt.Errorf("reset: %w", err)
	}
	kept, err = decode(b)
	return kept, err == nil, err
}

// decode reads the bytes of a marker.
func decode(b []byte) (kept []byte, err error) {
	be := binary.BigEndian
	if len(b) < headerSize || string(b[:4]) != magic || be.Uint32(b[4:]) != version {
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, len(b))
	}
	kept = b[headerSize:]
	if n := be.Uint64(b[8:]); n != uint64(len(kept)) || be.Uint32(b[16:]) != crc32.ChecksumIEEE(kept) {
		return nil, fmt.Errorf("%w: %d bytes kept, of %d", ErrDamaged, len(kept), n)
	}
	return kept, nil
}
