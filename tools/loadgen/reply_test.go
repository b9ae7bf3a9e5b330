package loadgen

import (
	"errors"
	"testing"

	"pairmq/internal/remoting"
)

func TestParseReply(t *testing.T) {
	json := func(h string) frame { return frame{header: []byte(h)} }
	tests := []struct {
		name string
		in   frame
		want reply
		err  error
	}{
		{"4.9.7", goldenFrame(t, "v4-send-v2-response"), reply{code: 0, opaque: 8}, nil},
		{"4.9.7, binary", goldenFrame(t, "v4-send-v2-response-binary"), reply{code: 0, opaque: 4}, nil},
		{"5.4.0", goldenFrame(t, "v5-send-v2-response"), reply{code: 0, opaque: 6}, nil},
		{"4.9.7, pull without message", goldenFrame(t, "v4-pull-response-not-found"), reply{code: 19, opaque: 40}, nil},
		{"blanks and another order", json("{ \"opaque\" : -7, \"flag\":1,\n\"code\" : 14 }"), reply{code: 14, opaque: -7}, nil},
		{"a remark that looks like it", json(`{"code":1,"flag":1,"remark":"\"opaque\":5,","opaque":9}`), reply{code: 1, opaque: 9}, nil},
		{"code missing", json(`{"flag":1,"opaque":9}`), reply{code: 0, opaque: 9}, nil},
		{"no JSON", json(`code`), reply{}, errFrame},
		{"binary, too short", frame{kind: 1, header: make([]byte, 20)}, reply{}, errFrame},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseReply(tt.in)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("parseReply(%q) = %+v, %v; want %+v, %v", tt.in.header, got, err, tt.want, tt.err)
			}
		})
	}
}

func TestInt64Field(t *testing.T) {
	for _, name := range []string{"v4-pull-response-one-message", "v4-pull-response-not-found"} {
		f := goldenFrame(t, name)
		c, err := f.decode()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"nextBeginOffset", "maxOffset", "minOffset"} {
			want, _ := c.Fields.Int64(key)
			if got, err := f.int64Field(key); got != want || err != nil {
				t.Errorf("%s: field %s = %d, %v; want %d", name, key, got, err, want)
			}
		}
		if got, err := f.int64Field("absent"); err == nil {
			t.Errorf("%s: field absent = %d, want an error", name, got)
		}
	}
	binary := goldenFrame(t, "v4-send-v2-response-binary")
	if got, err := binary.int64Field("queueOffset"); got != 3 || err != nil {
		t.Errorf("binary: field queueOffset = %d, %v; want 3", got, err)
	}
}

// What remoting encodes, the short way reads as well.
func FuzzParseReply(f *testing.F) {
	f.Add(int32(0), int32(1), "", "queueOffset", "3", false)
	f.Add(int32(14), int32(-1), `{"code":7,"opaque":8}`, `"code":1,`, `"opaque":2,`, false)
	f.Add(int32(200), int32(5), "x", "code", "9", true)
	f.Fuzz(func(t *testing.T, code, opaque int32, remark, key, value string, binary bool) {
		c := remoting.Command{Code: code, Opaque: opaque, Flag: 1, Remark: remark, Fields: remoting.Fields{{Key: key, Value: value}}}
		if binary {
			c.Serialize, c.Code = remoting.Binary, int32(int16(code))
			if len(key) > 32767 {
				return
			}
		}
		b := remoting.AppendCommand(nil, &c)
		fr, size, _, err := cut(b)
		if err != nil || size != len(b) {
			t.Fatalf("cut takes %d of %d bytes, error %v", size, len(b), err)
		}
		if r, err := parseReply(fr); r.code != c.Code || r.opaque != opaque || err != nil {
			t.Errorf("parseReply(%q) = %+v, %v; want code %d, opaque %d", b, r, err, c.Code, opaque)
		}
	})
}

// Whatever comes is refused or read, without a panic.
func FuzzParseAnyReply(f *testing.F) {
	f.Add([]byte(`{"code":1,"opaque":2}`), byte(0))
	f.Add(make([]byte, 21), byte(1))
	f.Fuzz(func(t *testing.T, header []byte, kind byte) {
		fr := frame{header: header, kind: kind}
		if _, err := parseReply(fr); err != nil && !errors.Is(err, errFrame) {
			t.Errorf("parseReply(%q) fails with %v, want errFrame", header, err)
		}
		fr.int64Field("nextBeginOffset")
	})
}

func BenchmarkParseReply(b *testing.B) {
	for _, name := range []string{"v4-send-v2-response", "v4-send-v2-response-binary"} {
		f := goldenFrame(b, name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parseReply(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
