// Package statefile keeps a name server's state in one file: whole, under a
// checksum, replaced as a whole.
//
// What the state means is package nameserver's; when it is saved, too.
package statefile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"

	"github.com/tinylib/msgp/msgp"

	"pairmq/discovery/nameserver"
	"pairmq/hal/disk"
)

// Name is the file's, in the folder of the store.
const Name = "namesrv.state"

// The file is, big-endian: "PMNS", version 4 (1), length of the state 8, CRC-32
// (IEEE) of it 4, then the state as msgp value. One that is damaged gets the
// name with damagedSuffix, so that a person can look at it.
const (
	magic         = "PMNS"
	version       = 1
	headerSize    = 20
	maxFile       = 64 << 20 // bytes
	damagedSuffix = ".damaged"
)

// ErrDamaged is wrapped where a file is no state that was saved whole.
var ErrDamaged = errors.New("statefile: damaged")

// A File is the state of one name server. Its methods are not safe for
// concurrent use.
type File struct {
	fs  disk.FS
	log *slog.Logger
}

// New returns the File in a folder.
func New(fsys disk.FS, log *slog.Logger) *File { return &File{fs: fsys, log: log} }

// Load returns what was saved last, an empty state if nothing was. A damaged
// file is set aside and logged: brokers register again, and only settings are
// lost. It fails where the folder cannot be read or written.
func (f *File) Load() (*nameserver.State, error) {
	st, err := f.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &nameserver.State{}, nil
	case errors.Is(err, ErrDamaged):
		f.log.Error("the name server's state is damaged: routes come back as brokers register, settings have to be made again",
			"file", Name, "kept", Name+damagedSuffix, "err", err)
		if err := f.fs.Rename(Name, Name+damagedSuffix); err != nil {
			return nil, err
		}
		return &nameserver.State{}, f.fs.SyncDir(".")
	case err != nil:
		return nil, err
	}
	return st, nil
}

// Save replaces the file; durable on return.
func (f *File) Save(st *nameserver.State) error {
	content, err := st.MarshalMsg(make([]byte, headerSize))
	if err != nil {
		return fmt.Errorf("statefile: encode: %w", err)
	}
	state := content[headerSize:]
	copy(content, magic)
	binary.BigEndian.PutUint32(content[4:], version)
	binary.BigEndian.PutUint64(content[8:], uint64(len(state)))
	binary.BigEndian.PutUint32(content[16:], crc32.ChecksumIEEE(state))
	if err := disk.Replace(f.fs, Name, content); err != nil {
		return fmt.Errorf("statefile: write %s: %w", Name, err)
	}
	return nil
}

func (f *File) read() (*nameserver.State, error) {
	file, err := f.fs.Open(Name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	if size < headerSize || size > maxFile {
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, size)
	}
	b := make([]byte, size)
	if _, err := file.ReadAt(b, 0); err != nil {
		return nil, err
	}
	return decode(b)
}

// decode reads the bytes of a file.
func decode(b []byte) (*nameserver.State, error) {
	if len(b) < headerSize || string(b[:4]) != magic {
		return nil, fmt.Errorf("%w: it does not begin with %s", ErrDamaged, magic)
	}
	if v := binary.BigEndian.Uint32(b[4:]); v != version {
		return nil, fmt.Errorf("%w: version %d, this program writes %d", ErrDamaged, v, version)
	}
	state := b[headerSize:]
	if n, sum := binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint32(b[16:]); n != uint64(len(state)) || sum != crc32.ChecksumIEEE(state) {
		return nil, fmt.Errorf("%w: %d bytes of state, of %d, or others", ErrDamaged, len(state), n)
	}
	rest, err := msgp.Skip(state) // before lengths in it are believed
	if err == nil && len(rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the state", ErrDamaged, len(rest))
	}
	var st nameserver.State
	if err == nil {
		_, err = st.UnmarshalMsg(state)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %d bytes of state: %w", ErrDamaged, len(state), err)
	}
	return &st, nil
}
