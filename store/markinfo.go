package store

// A Stop is what the mark in an index says of its log; see mark.
type Stop struct {
	Clean bool  // the last stop was
	End   int64 // of the log at that stop, in bytes, if it was clean
	// ChecksumsSince is the offset from which on every record has a checksum of all
	// of itself.
	ChecksumsSince int64
}

// ReadStop reads a mark, index.Index.Mark, for those who look at a folder without
// opening the store. What is no mark says nothing.
func ReadStop(b []byte) Stop {
	m := parseMark(b)
	return Stop{Clean: m.clean, End: m.end, ChecksumsSince: m.crcSince}
}
