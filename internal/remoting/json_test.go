package remoting

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// withHeader returns a frame with a JSON header and body.
func withHeader(header, body string) []byte {
	frame := append(make([]byte, frameHead), header...)
	finishFrame(frame, 0, len(frame), len(body), JSON)
	return append(frame, body...)
}

func TestDecodeJSONHeader(t *testing.T) {
	tests := []struct {
		name, header string
		want         Command
	}{
		{"empty", `{}`, Command{Language: Other}},
		{"what client-go sends", `{"code":105,"language":"GO","version":317,"opaque":1,"flag":0,"remark":"","extFields":{}}`,
			Command{Code: 105, Language: Go, Version: 317, Opaque: 1}},
		{"white space", " {\r\n\t\"code\" : 10 ,\"extFields\" : { \"a\" : \"b\" , \"c\":\"d\" } } ",
			Command{Code: 10, Language: Other, Fields: Fields{{"a", "b"}, {"c", "d"}}}},
		{"nulls", `{"code":null,"language":null,"remark":null,"extFields":null}`, Command{Language: Other}},
		{"a field that is null is absent", `{"extFields":{"a":null,"b":""}}`, Command{Language: Other, Fields: Fields{{"b", ""}}}},
		{"values that are no strings", `{"extFields":{"n":-12.5e3,"t":true,"f":false,"o":{"x":[1]}}}`,
			Command{Language: Other, Fields: Fields{{"n", "-12.5e3"}, {"t", "true"}, {"f", "false"}, {"o", `{"x":[1]}`}}}},
		{"language as number", `{"language":9}`, Command{Language: Go}},
		{"language of a newer release", `{"language":77}`, Command{Language: 77}},
		{"language out of range", `{"language":256}`, Command{Language: Other}},
		{"language unknown", `{"language":"COBOL"}`, Command{Language: Other}},
		{"unknown members", `{"serializeTypeCurrentRPC":"JSON","x":[{"y":[]},{},1.5,"\u00e9\"",null,true],"code":3}`,
			Command{Code: 3, Language: Other}},
		{"escapes", `{"remark":"\"\\\/\b\f\n\r\t\u0001\u00fc\u20ac"}`, Command{Language: Other, Remark: "\"\\/\b\f\n\r\t\x01ü€"}},
		{"surrogate pair", `{"remark":"\ud83d\ude00"}`, Command{Language: Other, Remark: "😀"}},
		{"halves of pairs", `{"remark":"\ud83dx\ude00\ud83d\ud83d\ude00\ud83d\u0041"}`,
			Command{Language: Other, Remark: "\ufffdx\ufffd\ufffd😀\ufffdA"}},
		{"raw control characters and bytes", "{\"remark\":\"a\x01b\xff\"}", Command{Language: Other, Remark: "a\x01b\xff"}},
		{"escaped name", `{"c\u006fde":7}`, Command{Code: 7, Language: Other}},
		{"the last one counts", `{"code":1,"extFields":{"a":"1"},"code":2,"extFields":{"b":"2"}}`,
			Command{Code: 2, Language: Other, Fields: Fields{{"b", "2"}}}},
		{"extremes", `{"code":-2147483648,"opaque":2147483647}`, Command{Code: -1 << 31, Language: Other, Opaque: 1<<31 - 1}},
	}
	for _, tt := range tests {
		got, err := DecodeCommand(withHeader(tt.header, ""), Limits{})
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %s decodes to %+v, %v, want %+v", tt.name, tt.header, got, err, tt.want)
		}
	}
}

func TestDecodeJSONHeaderRefuses(t *testing.T) {
	tests := []struct{ name, header string }{
		{"nothing", ``},
		{"no object", `[]`},
		{"cut short", `{"code":10`},
		{"cut in a string", `{"code`},
		{"cut in an escape", `{"remark":"\`},
		{"cut in \\u", `{"remark":"\u00`},
		{"no escape", `{"remark":"\x"}`},
		{"bytes behind", `{} x`},
		{"comma first", `{,"code":1}`},
		{"comma last", `{"code":1,}`},
		{"no comma", `{"code":1 "flag":0}`},
		{"name without quotes", `{code:1}`},
		{"no colon", `{"code" 1}`},
		{"code as string", `{"code":"10"}`},
		{"code with fraction", `{"code":1.5}`},
		{"code beyond 32 bits", `{"code":2147483648}`},
		{"code far beyond", `{"code":99999999999999999999999}`},
		{"leading zero", `{"code":01}`},
		{"lone minus", `{"code":-}`},
		{"no digit after point", `{"x":1.}`},
		{"no digit in exponent", `{"x":1e+}`},
		{"bad literal", `{"x":nul}`},
		{"bad literal for a field", `{"extFields":{"a":nope}}`},
		{"extFields no object", `{"extFields":["a"]}`},
		{"NUL", "{\x00}"},
		{"too deep", `{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`},
		{"array never closed", `{"x":[1,2}`},
		{"name in a value without quotes", `{"x":{y:1}}`},
		{"no colon in a value", `{"x":{"y" 1}}`},
		{"no escape in a value", `{"x":"\q"}`},
		{"value cut in a string", `{"x":"y`},
		{"no hexadecimal digit", `{"remark":"\u00g0"}`},
		{"field without colon", `{"extFields":{"a" "b"}}`},
		{"field name without quotes", `{"extFields":{a:"b"}}`},
		{"fields without comma", `{"extFields":{"a":"b" "c":"d"}}`},
	}
	for _, tt := range tests {
		if got, err := DecodeCommand(withHeader(tt.header, ""), Limits{}); !errors.Is(err, ErrBadHeader) {
			t.Errorf("%s: %s decodes to %+v, %v, want ErrBadHeader", tt.name, tt.header, got, err)
		}
	}
}

func TestFieldLimit(t *testing.T) {
	header := `{"extFields":{"a":"1","b":"2","c":"3"}}`
	for _, tt := range []struct {
		most int
		err  error
	}{{3, nil}, {2, ErrBadHeader}} {
		c := decodeString(t, header)
		for _, form := range []SerializeType{JSON, Binary} {
			c.Serialize = form
			_, err := DecodeCommand(AppendCommand(nil, &c), Limits{Fields: tt.most})
			if !errors.Is(err, tt.err) {
				t.Errorf("form %d, 3 fields, at most %d: %v, want %v", form, tt.most, err, tt.err)
			}
		}
	}
}

func TestAppendJSONHeader(t *testing.T) {
	tests := []struct {
		name string
		cmd  Command
		want string
	}{
		{"a request without fields", Command{Code: 34, Version: 407, Opaque: 10},
			`{"code":34,"flag":0,"language":"JAVA","opaque":10,"serializeTypeCurrentRPC":"JSON","version":407}`},
		{"a response always has extFields", Command{Code: 17, Language: Go, Version: 407, Opaque: -1, Flag: 1, Remark: "no route"},
			`{"code":17,"extFields":{},"flag":1,"language":"GO","opaque":-1,"remark":"no route","serializeTypeCurrentRPC":"JSON","version":407}`},
		{"escapes", Command{Language: 99, Fields: Fields{{"k\"", "\x00\x1f\n\r\t\\ü€\x7f"}, {"", ""}}},
			`{"code":0,"extFields":{"k\"":"\u0000\u001f\n\r\t\\ü€` + "\x7f" + `","":""},"flag":0,"language":99,"opaque":0,"serializeTypeCurrentRPC":"JSON","version":0}`},
	}
	for _, tt := range tests {
		if got := string(appendJSONHeader(nil, &tt.cmd)); got != tt.want {
			t.Errorf("%s: %+v encodes to\n%s, want\n%s", tt.name, tt.cmd, got, tt.want)
		}
	}
}

// The strings of a header share one allocation, its fields another.
func TestDecodeAllocations(t *testing.T) {
	for _, name := range []string{"v4-send-v2-request", "v4-send-v2-request-binary"} {
		frame, lim := readFrame(t, name), Limits{}.withDefaults()
		size, err := parseFrameSize(frame, &lim)
		if err != nil {
			t.Fatal(err)
		}
		var p headerParser
		got := testing.AllocsPerRun(100, func() {
			var c Command
			if err := decodeFrame(&c, frame, size, lim.Fields, &p); err != nil {
				t.Error(err)
			}
		})
		if got != 2 {
			t.Errorf("%s: %v allocations, want 2", name, got)
		}
	}
}

// decodeString returns the command with a JSON header.
func decodeString(tb testing.TB, header string) Command {
	tb.Helper()
	c, err := DecodeCommand(withHeader(header, ""), Limits{})
	if err != nil {
		tb.Fatalf("DecodeCommand(%s): %v", header, err)
	}
	return c
}
