package main

import (
	"context"
	"fmt"

	"pairmq/store"
	"pairmq/store/folder"
)

// checkPiece is how much log one request verifies, in bytes: a second's work of a slow
// device.
const checkPiece = 16 << 20

// check is what broker.Options wants.
func (v *verifier) check(ctx context.Context, start int64) (folder.Checked, error) {
	ctx, cancel := context.WithTimeout(ctx, compareTime)
	defer cancel()
	from, end := v.store.Bounds()
	if start = max(start, from); start > end {
		return folder.Checked{}, fmt.Errorf("%w: byte %d, the log has %d to %d", store.ErrNotFound, start, from, end)
	}
	return folder.Check(ctx, folder.Source{
		Start: start, End: end, SegmentSize: v.store.SegmentSize(), ChecksumsSince: v.store.ChecksumsSince(), Read: v.store.ReadStored,
	}, v.store.Indexed(), start+checkPiece)
}
