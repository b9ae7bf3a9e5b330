package transaction

import "pairmq/store/record"

// repeated finds, of halves in the order of their queue, those that a broker of Apache's
// has stored once more. It does not write into them where the half before is, nor an
// op for that one: that it has gone on behind it is all it keeps, and a slave is told
// of that some time later, or never. Both would be open, and be delivered.
type repeated map[identity]int64 // queue offset of the newest

// An identity is what all incarnations of a half have in common, besides what they say.
type identity struct {
	group, key string
	born       int64 // ms since 1970
}

// maxRepeated bounds how many halves are remembered, some 200 bytes each.
const maxRepeated = 1 << 16

// older takes note of an open half that does not say where it was before, and returns
// where that was, if it was asked for.
func (r repeated) older(v *record.View, h *half) (offset int64, ok bool) {
	key, has := v.Property(record.PropertyUniqKey)
	if !has {
		return 0, false
	}
	group, _ := v.Property(propertyGroup)
	id := identity{string(group), string(key), v.BornTimestamp()}
	offset, ok = r[id]
	if ok || len(r) < maxRepeated {
		r[id] = h.offset
	}
	return offset, ok && h.checks > 0
}
