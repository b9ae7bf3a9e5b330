package flight

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// maxFile is when a file is written anew with what is kept, in bytes: entries in JSON
// take more than their texts.
const maxFile = 4 * maxBytes

// A file has one entry a line, in JSON. It is for a file system in memory: it is
// written to with each entry and never synced, so that what a process that is killed
// has recorded is there.
type file struct {
	f    *os.File
	size int
}

// KeepIn keeps the entries in a file over the end of the process, however it ends, and
// takes up those that are there, as earlier ones. What is none is passed over.
func (r *Recorder) KeepIn(path string) error {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("flight recorder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("flight recorder: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.entries
	r.entries, r.bytes = nil, 0
	for _, e := range append(decode(b), now...) {
		r.add(e)
	}
	r.kept = &file{f: f}
	if err := r.kept.rewrite(r.entries); err != nil {
		r.kept = nil
		return errors.Join(fmt.Errorf("flight recorder: %w", err), f.Close())
	}
	return nil
}

// decode returns the entries of a file.
func decode(b []byte) (all []Entry) {
	for line := range bytes.Lines(b[:min(len(b), 2*maxFile)]) {
		var e Entry
		if json.Unmarshal(line, &e) == nil && e.Text != "" {
			e.Earlier, e.Count = true, max(1, e.Count)
			all = append(all, e)
		}
	}
	return all
}

// add writes e, the last of all. A file that fails is given up: it is an extra.
func (f *file) add(e Entry, all []Entry) {
	if f.f == nil {
		return
	}
	line, err := json.Marshal(e)
	if err == nil {
		line = append(line, '\n')
		if f.size+len(line) > maxFile {
			err = f.rewrite(all)
		} else {
			_, err = f.f.WriteAt(line, int64(f.size))
			f.size += len(line)
		}
	}
	if err != nil {
		f.f.Close()
		f.f = nil
	}
}

// rewrite makes all what the file has.
func (f *file) rewrite(all []Entry) error {
	var b []byte
	for _, e := range all {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		b = append(append(b, line...), '\n')
	}
	if err := f.f.Truncate(0); err != nil {
		return err
	}
	_, err := f.f.WriteAt(b, 0)
	f.size = len(b)
	return err
}
