package record

import "strings"

// TagsCode returns the code of a message's TAGS as it stands in a consume
// queue: Java's String.hashCode, 0 for none. Clients send the same code for the
// tags they subscribe to.
func TagsCode(tags string) int64 { return int64(javaHash(0, tags)) }

// TagsCode returns the code of the record's TAGS property.
func (v View) TagsCode() int64 {
	tags, _ := v.Property(PropertyTags)
	return TagsCode(text(tags))
}

// javaHash goes on from h with Java's String.hashCode: h = 31h + c over UTF-16
// units. s is UTF-8; a byte that is none counts as U+FFFD.
func javaHash(h int32, s string) int32 {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return javaHashRunes(h, s[i:])
		}
		h = 31*h + int32(s[i])
	}
	return h
}

func javaHashRunes(h int32, s string) int32 {
	for _, r := range s {
		if r > 0xFFFF {
			r -= 0x10000
			h = 31*h + (0xD800 + r>>10)
			r = 0xDC00 + r&0x3FF
		}
		h = 31*h + r
	}
	return h
}

// KeyHash returns the hash under which RocketMQ indexes a message's key:
// |String.hashCode of "topic#key"|, 0 where that has no absolute value.
func KeyHash(topic, key string) uint32 {
	return keyHash(javaHash(0, topic), key)
}

func keyHash(topic int32, key string) uint32 {
	h := javaHash(31*topic+'#', key)
	if h < 0 {
		h = -h
	}
	return uint32(max(h, 0)) // -h of the least int32 is itself
}

// AppendKeyHashes appends the hashes under which 4.9.7 indexes the record: that
// of UNIQ_KEY, then one for each word of KEYS. A rollback record has none.
func (v View) AppendKeyHashes(dst []uint32) []uint32 {
	if v.Transaction() == SysRollback {
		return dst
	}
	topic := javaHash(0, text(v.Topic()))
	if key, ok := v.Property(PropertyUniqKey); ok {
		dst = append(dst, keyHash(topic, text(key)))
	}
	keys, _ := v.Property(PropertyKeys)
	for rest := text(keys); rest != ""; {
		var word string
		word, rest, _ = strings.Cut(rest, " ")
		if word != "" {
			dst = append(dst, keyHash(topic, word))
		}
	}
	return dst
}
