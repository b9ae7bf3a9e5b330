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

// Hashes returns what the index has of the record beside its place: the code that
// TagsCode returns, and keys with the hashes appended under which 4.9.7 indexes it:
// that of UNIQ_KEY, then one for each word of KEYS. A rollback record has none. It
// goes over the properties once.
func (v View) Hashes(keys []uint32) (tagsCode int64, _ []uint32) {
	var tags, uniq, words string // of each name the last counts, as for Property
	for rest := text(v.Properties()); rest != ""; {
		end := entryEnd(rest, 0)
		switch entry := rest[:end]; {
		case hasValue(entry, PropertyTags):
			tags = entry[len(PropertyTags)+1:]
		case hasValue(entry, PropertyUniqKey):
			uniq = entry[len(PropertyUniqKey)+1:]
		case hasValue(entry, PropertyKeys):
			words = entry[len(PropertyKeys)+1:]
		}
		rest = rest[min(end+1, len(rest)):]
	}
	if v.Transaction() != SysRollback && (uniq != "" || words != "") {
		keys = appendKeyHashes(keys, javaHash(0, text(v.Topic())), uniq, words)
	}
	return TagsCode(tags), keys
}

// appendKeyHashes appends the hash of uniq, if there is one, and of each of words,
// which spaces part.
func appendKeyHashes(dst []uint32, topic int32, uniq, words string) []uint32 {
	if uniq != "" {
		dst = append(dst, keyHash(topic, uniq))
	}
	for words != "" {
		var word string
		word, words, _ = strings.Cut(words, " ")
		if word != "" {
			dst = append(dst, keyHash(topic, word))
		}
	}
	return dst
}
