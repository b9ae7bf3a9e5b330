package index

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/tinylib/msgp/msgp"
	"go.etcd.io/bbolt"
)

// Values outside chunks are: crc (4), of bucket, key and content, then the
// content: a msgp value, a number of 8 bytes, or bytes.

func valueCRC(bucket string, key, content []byte) uint32 {
	var head [4]byte
	binary.BigEndian.PutUint16(head[:], uint16(len(bucket)))
	binary.BigEndian.PutUint16(head[2:], uint16(len(key)))
	sum := crc32.ChecksumIEEE(head[:])
	sum = crc32.Update(sum, crc32.IEEETable, []byte(bucket))
	sum = crc32.Update(sum, crc32.IEEETable, key)
	return crc32.Update(sum, crc32.IEEETable, content)
}

func sealValue(bucket string, key, content []byte) []byte {
	b := make([]byte, 4, 4+len(content))
	binary.BigEndian.PutUint32(b, valueCRC(bucket, key, content))
	return append(b, content...)
}

// openValue returns the content of a value. It fails with ErrDamaged.
func openValue(bucket string, key, value []byte) ([]byte, error) {
	if len(value) < 4 || valueCRC(bucket, key, value[4:]) != binary.BigEndian.Uint32(value) {
		return nil, fmt.Errorf("%w: value of %d bytes under %q in %s", ErrDamaged, len(value), key, bucket)
	}
	return value[4:], nil
}

func put(tx *bbolt.Tx, bucket string, key, content []byte) error {
	return tx.Bucket([]byte(bucket)).Put(key, sealValue(bucket, key, content))
}

// get returns the content under key, nil if there is none.
func get(tx *bbolt.Tx, bucket string, key []byte) ([]byte, error) {
	value := tx.Bucket([]byte(bucket)).Get(key)
	if value == nil {
		return nil, nil
	}
	return openValue(bucket, key, value)
}

// each calls f with every key and content of a bucket.
func each(tx *bbolt.Tx, bucket string, f func(key, content []byte) error) error {
	return tx.Bucket([]byte(bucket)).ForEach(func(key, value []byte) error {
		content, err := openValue(bucket, key, value)
		if err != nil {
			return err
		}
		return f(key, content)
	})
}

func putNumber(tx *bbolt.Tx, key string, n int64) error {
	return put(tx, bucketState, []byte(key), binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// number returns the number under key, 0 if there is none.
func number(tx *bbolt.Tx, key string) (int64, error) {
	b, err := get(tx, bucketState, []byte(key))
	if b == nil || err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("%w: number %q of %d bytes", ErrDamaged, key, len(b))
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// decodeMsgp reads one msgp value that fills b. The generated decoders make
// maps and slices as large as their headers say; so first every header is
// held against the bytes that there are.
func decodeMsgp(b []byte, v msgp.Unmarshaler) error {
	rest, err := msgp.Skip(b)
	if err == nil && len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes behind a msgp value", ErrDamaged, len(rest))
	}
	if err == nil {
		_, err = v.UnmarshalMsg(b)
	}
	if err != nil {
		return fmt.Errorf("%w: msgp value of %d bytes: %w", ErrDamaged, len(b), err)
	}
	return nil
}
