package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"pairmq/internal/remoting"
)

func frameAttacks() []attack {
	return []attack{
		{name: "FrameLies", what: fmt.Sprintf("lengths of frames and headers that cannot be true, in %d ways, to each port", len(frameLies())), do: func(s *stranger) { s.tell(frameLies()) }},
		{name: "RocketMQHeaderLies", what: fmt.Sprintf("ROCKETMQ headers whose lengths lie, in %d ways, to each port", len(binaryLies())), do: func(s *stranger) { s.tell(binaryLies()) }},
		{name: "HugeJSONHeader", what: "JSON headers of 15 MiB, of 100,000 fields, with a key of 200 KiB, to each port", do: func(s *stranger) { s.tell(hugeHeaders()) }},
		{name: "DeepJSONHeader", what: fmt.Sprintf("JSON headers nested 45,000 to 200,000 deep, in %d ways, to each port", len(deepHeaders())), do: func(s *stranger) { s.tell(deepHeaders()) }},
	}
}

// A frame of anything: what its length and its header's say is what the caller says.
func rawFrame(length, headerWord uint32, rest []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, length)
	b = binary.BigEndian.AppendUint32(b, headerWord)
	return append(b, rest...)
}

// headerFrame is a frame whose lengths are true, with a header of that kind.
func headerFrame(kind byte, header, body []byte) []byte {
	return append(rawFrame(uint32(4+len(header)+len(body)), uint32(kind)<<24|uint32(len(header)), header), body...)
}

// frameLies are frames that no peer may take, by what is wrong.
func frameLies() map[string][]byte {
	good := []byte(`{"code":105,"language":"JAVA","version":395,"opaque":1,"flag":0,"extFields":{"topic":"T"}}`)
	n := uint32(len(good))
	return map[string][]byte{
		"a length of 0":                     rawFrame(0, n, good),
		"a length of 3":                     rawFrame(3, n, good),
		"a negative length":                 rawFrame(0xfffffff0, n, good),
		"2 GiB":                             rawFrame(0x7fffffff, n, good),
		"more than 16 MiB":                  rawFrame(16<<20+1, n, good),
		"a header longer than its frame":    rawFrame(n+4, n+1, good),
		"a header of 16 MiB":                rawFrame(n+4, 0xffffff, good),
		"a header of no bytes":              rawFrame(4, 0, nil),
		"a kind of header that is none":     rawFrame(n+4, 0x07000000|n, good),
		"a negative kind of header":         rawFrame(n+4, 0xff000000|n, good),
		"a header that is no JSON":          headerFrame(0, []byte("code=105"), nil),
		"JSON that ends in the middle":      headerFrame(0, good[:40], nil),
		"JSON that is a list":               headerFrame(0, []byte("[1,2,3]"), nil),
		"a code that is no number":          headerFrame(0, []byte(`{"code":"; rm -rf /","opaque":1}`), nil),
		"a code of 400 digits":              headerFrame(0, []byte(`{"code":`+strings.Repeat("9", 400)+`,"opaque":1}`), nil),
		"bytes that are no UTF-8":           headerFrame(0, []byte("{\"code\":105,\"extFields\":{\"topic\":\"\xff\xfe\"}"), nil),
		"the answer to nothing, then lies":  append(headerFrame(0, []byte(`{"code":0,"flag":1,"opaque":7}`), nil), rawFrame(0xfffffff0, 0, nil)...),
		"JSON, and behind it something":     headerFrame(0, append(bytes.Clone(good), "{}"...), nil),
		"a header cut off, then the next":   append(headerFrame(0, good[:len(good)-2], nil), headerFrame(0, good, nil)...),
		"ROCKETMQ where JSON is announced":  headerFrame(0, binaryHeader(105, 0, "", 0, nil), nil),
		"JSON where ROCKETMQ is announced":  headerFrame(1, good, nil),
		"a thousand zeros where a frame is": make([]byte, 1000),
	}
}

// binaryHeader is a ROCKETMQ header with the lengths it is told.
func binaryHeader(code uint16, remark uint32, text string, length uint32, f []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, code)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, 395)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, remark)
	b = append(b, text...)
	b = binary.BigEndian.AppendUint32(b, length)
	return append(b, f...)
}

// binaryLies are ROCKETMQ headers that no peer may take, by what is wrong.
func binaryLies() map[string][]byte {
	field := func(key uint16, k string, value uint32, v string) []byte {
		b := binary.BigEndian.AppendUint16(nil, key)
		b = append(b, k...)
		b = binary.BigEndian.AppendUint32(b, value)
		return append(b, v...)
	}
	headers := map[string][]byte{
		"a remark of 2 GiB":                 binaryHeader(105, 0x7fffffff, "", 0, nil),
		"a remark of -1":                    binaryHeader(105, 0xffffffff, "", 0, nil),
		"a remark one too long":             binaryHeader(105, 5, "abcd", 0, nil),
		"fields of 2 GiB":                   binaryHeader(105, 0, "", 0x7fffffff, nil),
		"fields of -1":                      binaryHeader(105, 0, "", 0xffffffff, nil),
		"fields, and there are none":        binaryHeader(105, 0, "", 11, nil),
		"no fields, and there are":          binaryHeader(105, 0, "", 0, field(5, "topic", 1, "T")),
		"a key of 32767":                    binaryHeader(105, 0, "", 12, field(0x7fff, "topic", 1, "T")),
		"a key of -1":                       binaryHeader(105, 0, "", 12, field(0xffff, "topic", 1, "T")),
		"a value of 2 GiB":                  binaryHeader(105, 0, "", 12, field(5, "topic", 0x7fffffff, "T")),
		"a value of -1":                     binaryHeader(105, 0, "", 12, field(5, "topic", 0xffffffff, "T")),
		"a value one too long":              binaryHeader(105, 0, "", 12, field(5, "topic", 2, "T")),
		"half of a field":                   binaryHeader(105, 0, "", 1, []byte{0}),
		"40,000 fields without a name":      binaryHeader(105, 0, "", 40000*7, bytes.Repeat(field(0, "", 1, "x"), 40000)),
		"30,000 fields of the same name":    binaryHeader(105, 0, "", 30000*8, bytes.Repeat(field(1, "a", 1, "x"), 30000)),
		"a header of 20 bytes":              binaryHeader(105, 0, "", 0, nil)[:20],
		"a header of 1 byte":                {0},
		"a remark that takes in all fields": binaryHeader(105, 16, "", 12, field(5, "topic", 1, "T")),
	}
	all := map[string][]byte{}
	for what, h := range headers {
		all[what] = headerFrame(1, h, nil)
	}
	return all
}

func hugeHeaders() map[string][]byte {
	var many strings.Builder
	for i := range 30000 {
		fmt.Fprintf(&many, `,"k%d":"v"`, i)
	}
	return map[string][]byte{
		"a header of 15 MiB":     headerFrame(0, []byte(`{"code":105,"remark":"`+strings.Repeat("x", 15<<20)+`"}`), nil),
		"100,000 fields":         headerFrame(0, []byte(`{"code":105,"extFields":{"a":"b"`+strings.Repeat(`,"a":""`, 35000)+`}}`), nil),
		"30,000 different keys":  headerFrame(0, []byte(`{"code":105,"extFields":{"a":"b"`+many.String()[:250000]+`"}}`), nil),
		"a number of 200 KiB":    headerFrame(0, []byte(`{"code":`+strings.Repeat("1", 200<<10)+`}`), nil),
		"200 KiB of backslashes": headerFrame(0, []byte(`{"code":105,"remark":"`+strings.Repeat(`\`, 200<<10+1)+`}`), nil),
	}
}

func deepHeaders() map[string][]byte {
	const deep = 100000
	return map[string][]byte{
		"lists":            headerFrame(0, []byte(`{"code":105,"x":`+strings.Repeat("[", deep)+strings.Repeat("]", deep)+`}`), nil),
		"lists, not ended": headerFrame(0, []byte(`{"code":105,"x":`+strings.Repeat("[", 2*deep)), nil),
		"objects":          headerFrame(0, []byte(strings.Repeat(`{"a":`, 45000)), nil),
		"in a field":       headerFrame(0, []byte(`{"code":105,"extFields":{"topic":`+strings.Repeat("[", 2*deep)+`}}`), nil),
		"in the fields":    headerFrame(0, []byte(`{"code":105,"extFields":`+strings.Repeat(`{"a":`, 45000)+`}`), nil),
	}
}

// tell sends each lie to each port. It has to be hung up on, or be answered with a refusal.
func (s *stranger) tell(lies map[string][]byte) {
	for _, what := range slices.Sorted(maps.Keys(lies)) {
		pause(s.ctx, 10*time.Millisecond) // it is no flood
		s.crowd(3*len(remotingPorts()), func(i int) {
			port := remotingPorts()[i%len(remotingPorts())]
			nc, err := s.dial(port)
			if err != nil {
				s.answer("refused")
				return
			}
			defer nc.Close()
			_ = s.send(nc, lies[what])
			_ = nc.SetReadDeadline(time.Now().Add(soon))
			switch resp, err := readAnswer(nc); {
			case err != nil && isTimeout(err):
				s.wrong("%s to port %d: neither answered nor hung up on", what, port)
			case err != nil:
				s.answer("closed")
			case resp.Code == remoting.RespSuccess:
				s.wrong("%s to port %d: answered with SUCCESS", what, port)
			default:
				s.answer("%s", remoting.ResponseName(resp.Code))
			}
		})
	}
}

func isTimeout(err error) bool {
	e, ok := err.(interface{ Timeout() bool })
	return ok && e.Timeout()
}

// readAnswer reads one frame.
func readAnswer(r io.Reader) (*remoting.Command, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > 16<<20 {
		return nil, fmt.Errorf("%w: %d bytes", remoting.ErrBadFrame, n)
	}
	frame := append(head[:], make([]byte, n)...)
	if _, err := io.ReadFull(r, frame[4:]); err != nil {
		return nil, err
	}
	cmd, err := remoting.DecodeCommand(frame, remoting.Limits{})
	return &cmd, err
}
