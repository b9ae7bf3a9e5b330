package store

// searchOffsets returns the least queue offset of first to end-1 for which ok is true,
// end if it is for none; where it is true it is for all behind. It is sort.Search for
// offsets, which are more than an int has where a word has 32 bits.
func searchOffsets(first, end int64, ok func(offset int64) bool) int64 {
	for first < end {
		middle := first + (end-first)/2
		if ok(middle) {
			end = middle
		} else {
			first = middle + 1
		}
	}
	return first
}
