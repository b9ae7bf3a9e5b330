package commitlog

import "testing"

// FuzzRecover lets recovery find any bytes at any place of a log: it may call
// the log damaged, but it may not lose a record before them, show one that was
// not appended, or leave a log that cannot go on and be recovered again.
func FuzzRecover(f *testing.F) {
	record := make([]byte, tRec)
	putRecord(record, at(30), 77)
	filler := make([]byte, fillerSize)
	putFiller(filler, tSeg-3000)
	f.Add(uint16(3000), record)
	f.Add(uint16(3000), filler)
	f.Add(uint16(2800), []byte{0, 0, 0, 100, 0xDA, 0xA3, 0x20, 0xA7})
	f.Add(uint16(2999), []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xDA, 0xA3, 0x20, 0xA7})
	f.Add(uint16(0), []byte{1})
	pristine := written(f, 28)
	f.Fuzz(func(t *testing.T, place uint16, in []byte) {
		off := int64(place) % tSeg
		in = in[:min(int64(len(in)), tSeg-off)]
		d := pristine.RestartWith(1)
		poke1(t, d, off, in)
		h, err := openLog(d, tOptions(), RecoverOptions{})
		for i := range 28 {
			if id, ok := h.found[at(i)]; at(i)+tRec <= off && !ok || ok && off >= at(i)+tRec && id != uint64(i) {
				t.Fatalf("%d bytes at %d: record %d found %t as %d", len(in), off, i, ok, id)
			}
		}
		if err != nil {
			return
		}
		end := h.End()
		if end+tRec+fillerSize > tSeg {
			return // what was put there ends the segment
		}
		next := make([]byte, tRec) // an append that a power cut interrupts
		putRecord(next, end, 500)
		poke1(t, d, end, next)
		r, err := openLog(d, tOptions(), RecoverOptions{})
		if err != nil || r.found[end] != 500 || r.End() != end+tRec {
			t.Fatalf("%d bytes at %d: then record 500 at %d is %d, end %d, %v", len(in), off, end, r.found[end], r.End(), err)
		}
	})
}
