package main

import (
	"errors"
	"fmt"

	"pairmq/store/folder"
)

// openFolder opens a store's folder to be looked at.
func openFolder(dir string, opts folder.Options) (*folder.Folder, error) {
	if opts.SegmentSize < 0 {
		return nil, usage("--segment-size %d: it is a number of bytes", opts.SegmentSize)
	}
	f, err := folder.Open(dir, opts)
	if errors.Is(err, folder.ErrNoStore) {
		return nil, usage("%w; DIR is storePathRootDir, or a copy of it", err)
	}
	return f, missing(err)
}

// openLog opens a folder for its messages alone. A daemon there is no hindrance, but
// what it has not written yet looks torn.
func (e *env) openLog(dir string, segmentSize int64) (*folder.Folder, error) {
	f, err := openFolder(dir, folder.Options{SegmentSize: segmentSize})
	if err != nil {
		return nil, err
	}
	if f.InUse {
		fmt.Fprintf(e.err, "a daemon runs on %s: what it is just writing may look torn\n", safe(dir))
	}
	return f, nil
}
