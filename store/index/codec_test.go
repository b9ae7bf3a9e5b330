package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"testing"

	"pairmq/store/table"
)

// makeBlock encodes units as they come from Apply and Seal.
func makeBlock(id blockID, units []Unit) []byte {
	width := narrow
	for _, u := range units {
		width = max(width, unitWidth(u.TagsCode))
	}
	block := make([]byte, blockHeader)
	for i, u := range units {
		block = appendUnit(block, i, width, id.start, u)
	}
	finishBlock(block, id, len(units), width)
	return block
}

func someUnits(start int64, n int, code int64) []Unit {
	units := make([]Unit, n)
	for i := range units {
		units[i] = Unit{PhyOffset: start + int64(i)*100, Size: 100, TagsCode: code + int64(i)}
	}
	return units
}

func TestBlock(t *testing.T) {
	id := blockID{start: 1 << 40, ref: 7, first: 1 << 33}
	for _, test := range []struct {
		name  string
		n     int
		code  int64
		width int
	}{
		{"one unit", 1, 2598919, narrow},
		{"a whole piece", pieceUnits, -5, narrow},
		{"one more than a piece", pieceUnits + 1, math.MinInt32, narrow},
		{"delivery times", 700, 1_800_000_000_000, wide},
		{"a code that is just too great", 3, math.MaxInt32 - 1, wide},
	} {
		units := someUnits(id.start, test.n, test.code)
		block := makeBlock(id, units)
		if n, width, err := checkBlock(block, id); n != test.n || width != test.width || err != nil || len(block) != blockSize(n, width) {
			t.Errorf("%s: checkBlock = %d, %d, %v for %d bytes", test.name, n, width, err, len(block))
		}
		block = append(block, "the next block"...)
		for _, from := range []int{0, test.n / 2, test.n - 1} {
			got := make([]Unit, test.n)
			n, err := readBlock(block, id, from, got)
			if err != nil || !slices.Equal(got[:n], units[from:]) {
				t.Errorf("%s: readBlock from %d = %d units, %v", test.name, from, n, err)
			}
		}
		if _, err := readBlock(block, id, test.n, make([]Unit, 1)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: readBlock behind the end = %v", test.name, err)
		}
		for _, other := range []blockID{{id.start + 1, id.ref, id.first}, {id.start, id.ref + 1, id.first}, {id.start, id.ref, id.first + 1}} {
			if _, err := readBlock(block, other, 0, make([]Unit, 1)); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: block of %v read as %v: %v", test.name, id, other, err)
			}
		}
	}
}

// TestBlockDamage changes each bit: what is read is right, or not read at all.
func TestBlockDamage(t *testing.T) {
	id := blockID{start: 4096, ref: 1, first: 10}
	units := someUnits(id.start, 300, 1)
	good := makeBlock(id, units)
	got := make([]Unit, len(units))
	for bit := range len(good) * 8 {
		good[bit/8] ^= 1 << (bit % 8)
		if n, err := readBlock(good, id, 0, got); err == nil || !slices.Equal(got[:n], units[:n]) {
			t.Fatalf("bit %d: %d units, %v", bit, n, err)
		}
		good[bit/8] ^= 1 << (bit % 8)
	}
	t.Logf("%d flipped bits of a block", len(good)*8)
}

func TestKeyPieces(t *testing.T) {
	const n = 3*piecePairs + 5
	keys := make([]uint64, n)
	for i := range keys {
		keys[i] = uint64(i*7919%n/3)<<32 | uint64(i)
	}
	before := slices.Clone(keys)
	set := keyPieces(keys, 4096)
	if !slices.Equal(keys, before) {
		t.Error("keyPieces moves what readers are in")
	}
	if len(set.values) != 4 || len(set.first) != 4 || len(set.values[0]) != 4+64<<10 {
		t.Fatalf("%d pieces, the first of %d bytes", len(set.values), len(set.values[0]))
	}
	total := 0
	for i, value := range set.values {
		pairs, err := checkKeyPiece(value, 4096, i)
		if err != nil || binary.BigEndian.Uint32(pairs) != set.first[i] {
			t.Fatalf("piece %d: %v", i, err)
		}
		total += len(pairs) / pairSize
		for _, bad := range [][]byte{nil, value[:len(value)-1], append([]byte{value[0] ^ 1}, value[1:]...)} {
			if _, err := checkKeyPiece(bad, 4096, i); !errors.Is(err, ErrDamaged) {
				t.Errorf("piece %d, damaged: %v", i, err)
			}
		}
		if _, err := checkKeyPiece(value, 4096, i+1); !errors.Is(err, ErrDamaged) {
			t.Errorf("piece %d in another's place: %v", i, err)
		}
	}
	if total != n {
		t.Errorf("%d pairs, want %d", total, n)
	}
}

func FuzzReadBlock(f *testing.F) {
	id := blockID{start: 4096, ref: 1, first: 10}
	f.Add(makeBlock(id, someUnits(id.start, 3, 1)), 0)
	f.Add(makeBlock(id, someUnits(id.start, 300, math.MaxInt32)), 255)
	f.Fuzz(func(t *testing.T, in []byte, from int) {
		if len(in) >= blockHeader { // get past the header's checksum
			in = bytes.Clone(in)
			binary.BigEndian.PutUint32(in, blockCRC(in, id))
		}
		var units [500]Unit
		n, err := readBlock(in, id, from, units[:])
		if err != nil || n == 0 {
			return
		}
		for i, u := range units[:n] {
			if again := appendUnit(nil, 1, int(in[4]), id.start, u); !bytes.Equal(again, in[unitAt(from+i, int(in[4])):][:in[4]]) {
				t.Errorf("unit %d is %+v, which encodes to %x", from+i, u, again)
			}
		}
	})
}

func FuzzDecodeDirectory(f *testing.F) {
	d := directory{end: 9000, oldest: 1, newest: 2, records: 3, runs: []directoryRun{{1, 2, 3, 0, 0}, {4, 5, 6, 1, 99}}, pieces: []uint32{7}}
	f.Add(d.appendTo(nil, 4096))
	f.Add((&directory{end: 4096}).appendTo(nil, 4096))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) >= directoryHeader {
			in = bytes.Clone(in)
			binary.BigEndian.PutUint32(in, directoryCRC(in, 4096))
		}
		d, err := decodeDirectory(in, 4096)
		if err == nil && !bytes.Equal(d.appendTo(nil, 4096), in) {
			t.Errorf("%x decodes to %+v, which encodes to %x", in, d, d.appendTo(nil, 4096))
		}
	})
}

func FuzzReadBatch(f *testing.F) {
	var w batchWriter
	w.begin()
	w.define(0, "G", "T")
	w.offset(0, slot{queueID: 3, version: 1, offset: 1 << 40})
	w.forget(forget{topic: "T"})
	f.Add(bytes.TrimRight(w.finish(7, 9, true), "\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		in = bytes.Clone(in)
		if len(in) >= batchHeader {
			binary.BigEndian.PutUint32(in[4:], crc32.ChecksumIEEE(in[8:]))
		}
		head, err := decodeBatchHead(in, int64(len(in)))
		if err != nil {
			return
		}
		var again batchWriter
		again.begin()
		err = readBatch(in, batchVisitor{
			define: func(number uint32, of forget) { again.define(number, of.group, of.topic) },
			offset: again.offset,
			forget: again.forget,
		})
		if err != nil || head.length != len(in) {
			return
		}
		if b := again.finish(head.sequence, head.lap, head.snapshot)[:head.length]; !bytes.Equal(b, in) {
			t.Errorf("%x encodes to %x", in, b)
		}
	})
}

// FuzzDecodeMsgp gives every msgp decoder arbitrary bytes: headers that claim
// more than there is must not be believed.
func FuzzDecodeMsgp(f *testing.F) {
	b := backup{Topics: []table.Topic{{Name: "t", Attributes: map[string]string{"k": "v"}}}, Groups: []table.Group{{Name: "g"}},
		Values: map[string][]byte{"k": {1}}, Deleted: map[string]int64{"d": 2}, Floors: []queueEntry{{"t", 1, 2}}}
	for _, v := range []interface {
		MarshalMsg([]byte) ([]byte, error)
	}{&b, &b.Topics[0], &b.Groups[0], &b.Floors[0], table.DataVersion{Counter: 1}} {
		in, err := v.MarshalMsg(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in)
	}
	f.Add([]byte("\x81\xa6topics\xdd\xff\xff\xff\xff"))
	f.Add([]byte("\x81\xa4attr\xdf\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, v := range []interface {
			MarshalMsg([]byte) ([]byte, error)
			UnmarshalMsg([]byte) ([]byte, error)
		}{new(backup), new(queueEntry), new(table.Topic), new(table.Group), new(table.DataVersion)} {
			if decodeMsgp(in, v) != nil {
				continue
			}
			if _, err := v.MarshalMsg(nil); err != nil {
				t.Errorf("%x decodes to %+v, which does not encode: %v", in, v, err)
			}
		}
	})
}

// memoryFile is a pageFile.
type memoryFile struct{ *bytes.Reader }

func (f memoryFile) Size() (int64, error) { return f.Reader.Size(), nil }

// FuzzCheckPages changes a bbolt file at one place: the check may refuse it, and
// comes to an end.
func FuzzCheckPages(f *testing.F) {
	good := sampleFile(f)
	if err := checkPages(memoryFile{bytes.NewReader(good)}); err != nil {
		f.Fatal(err)
	}
	f.Add(2, []byte{1})
	f.Add(4096*3, []byte{0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, at int, patch []byte) {
		bad := bytes.Clone(good)
		if at >= 0 && at < len(bad) {
			copy(bad[at:], patch)
		}
		if err := checkPages(memoryFile{bytes.NewReader(bad)}); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("checkPages = %v, want ErrDamaged or nil", err)
		}
	})
}
