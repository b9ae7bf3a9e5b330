package store

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"pairmq/hal/disk"
)

// A failed sync ends the process, and the next start recovers. A medium that fails
// again soon is worn out: then the store starts read-only, so that consumers and
// slaves can still have what there is.
const (
	failuresFile = "failures"       // how often in a row the disk has failed, in decimal
	maxFailures  = 2                // with so many the store starts read-only
	goodTime     = 10 * time.Minute // without a failure: then they are forgotten
)

// failures is how often in a row the disk has failed.
func failures(fsys disk.FS) (int, error) {
	f, err := fsys.Open(failuresFile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var b [8]byte
	n, err := f.ReadAt(b[:], 0)
	cerr := f.Close()
	if n == 0 {
		return 0, errors.Join(err, cerr)
	}
	count, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil || count < 0 {
		return 0, nil // nothing depends on it but a second try
	}
	return count, nil
}

// noteFailure counts one more, if the disk lets it.
func (s *Store) noteFailure(cause error) {
	n, err := failures(s.opts.FS)
	if err == nil {
		err = disk.Replace(s.opts.FS, failuresFile, strconv.AppendInt(nil, int64(n+1), 10))
	}
	if err != nil {
		s.log.Warn("the failure of the disk cannot be noted", "err", err)
		return
	}
	s.log.Error("the disk has failed", "timesInARow", n+1, "readOnlyFrom", maxFailures, "err", cause)
}

// forgetFailures is called when the store has run well for long enough.
func (s *Store) forgetFailures() error {
	if n, err := failures(s.opts.FS); err != nil || n == 0 {
		return err
	}
	err := s.opts.FS.Remove(failuresFile)
	if err == nil {
		err = s.opts.FS.SyncDir("")
	}
	if err != nil {
		return fmt.Errorf("forget earlier failures: %w", err)
	}
	return nil
}
