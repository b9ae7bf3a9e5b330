package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// setAsidePrefix begins the names of bytes that recovery and truncation took out
// of the log; behind it comes the offset where they were, in 20 digits.
const setAsidePrefix = "commitlog-"

// boundSetAside removes files of bytes that were taken out of the log, those of
// the smallest offsets first, while they have more than SetAsideBytes together:
// every power cut may leave one. The newest stays whatever its size.
func (s *Store) boundSetAside() error {
	entries, err := s.opts.FS.ReadDir(quarantineDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("what was set aside: %w", err)
	}
	var total int64
	files := entries[:0]
	for _, e := range entries { // in the order of their offsets
		if strings.HasPrefix(e.Name, setAsidePrefix) {
			files, total = append(files, e), total+e.Size
		}
	}
	removed := false
	for ; len(files) > 1 && total > s.opts.SetAsideBytes; files = files[1:] {
		name := path.Join(quarantineDir, files[0].Name)
		s.log.Warn("bytes that were set aside are removed: there are too many", "file", name, "bytes", files[0].Size, "kept", s.opts.SetAsideBytes)
		if err := s.opts.FS.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what was set aside: %w", err)
		}
		total, removed = total-files[0].Size, true
	}
	if removed {
		return s.opts.FS.SyncDir(quarantineDir)
	}
	return nil
}
