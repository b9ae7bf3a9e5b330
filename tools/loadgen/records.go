package loadgen

import (
	"fmt"

	"pairmq/store/record"
)

// countRecords returns how many records there are in the body of a pull, and
// the bytes of their message bodies together.
func countRecords(b []byte) (n, bytes int64, err error) {
	for len(b) > 0 {
		v, err := record.Parse(b, record.Limits{})
		if err != nil {
			return n, bytes, fmt.Errorf("%w: record %d of a pull, %d bytes from its end: %w", errFrame, n+1, len(b), err)
		}
		n++
		bytes += int64(len(v.Body()))
		b = b[v.Size():]
	}
	return n, bytes, nil
}
