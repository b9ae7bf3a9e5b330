package store

import (
	"strings"

	"pairmq/store/record"
)

// keyHashes is what the key index remembers of a message: its unique key and
// each word of KEYS, as RocketMQ indexes them.
func keyHashes(topic, properties string) (hashes []uint32) {
	if key, ok := record.Property(properties, record.PropertyUniqKey); ok {
		hashes = append(hashes, record.KeyHash(topic, key))
	}
	keys, _ := record.Property(properties, record.PropertyKeys)
	for word := range strings.SplitSeq(keys, " ") {
		if word != "" {
			hashes = append(hashes, record.KeyHash(topic, word))
		}
	}
	return hashes
}
