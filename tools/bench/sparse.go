package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"pairmq/store/record"
)

// A sparse log is as long as a gateway's flash allows and takes next to nothing
// of this disk: its first and its last segment have records at their beginning,
// all between them are one filler each, of which eight bytes are written.
const (
	sparseSegment  = 64 << 20
	sparseSegments = 1024
	sparseRecords  = 4096 // in the first segment, and in the last
	stampAt        = 56   // where a record has its store timestamp
)

// writeSparse makes such a log below store and returns its end.
func writeSparse(store string) (end int64, err error) {
	dir := filepath.Join(store, "commitlog")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	now := time.Now().UnixMilli()
	for i := range int64(sparseSegments) {
		base := i * sparseSegment
		var data []byte
		if i == 0 || i == sparseSegments-1 {
			firstOffset := int64(0)
			if i > 0 {
				firstOffset = sparseRecords / queues
			}
			data = appendRecords(nil, base, firstOffset, now)
		}
		if i < sparseSegments-1 { // retention looks where a record would have its time
			filler := record.AppendBlank(nil, sparseSegment-len(data))
			filler = append(filler, make([]byte, stampAt-len(filler))...)
			data = append(data, binary.BigEndian.AppendUint64(filler, uint64(now))...)
		} else {
			end = base + int64(len(data))
		}
		if err := writeSparseSegment(filepath.Join(dir, fmt.Sprintf("%020d", base)), data); err != nil {
			return 0, err
		}
	}
	return end, nil
}

func writeSparseSegment(name string, data []byte) error {
	if err := os.WriteFile(name, data, 0o644); err != nil {
		return err
	}
	return os.Truncate(name, sparseSegment)
}

// appendRecords appends records as pairmqd writes them, whose queues go on from
// firstOffset.
func appendRecords(dst []byte, base, firstOffset, now int64) []byte {
	host := netip.MustParseAddrPort("127.0.0.1:10911")
	body := make([]byte, large)
	for n := range int64(sparseRecords) {
		dst = record.AppendCRC(dst, &record.Message{
			Topic: wearTopic, QueueID: int32(n % queues), QueueOffset: firstOffset + n/queues, PhyOffset: base + int64(len(dst)),
			BornTimestamp: now, BornHost: host, StoreTimestamp: now, StoreHost: host,
			Body: body, Properties: fmt.Sprintf("KEYS\x01%06X\x02", n),
		})
	}
	return dst
}
