package javajson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestMember(t *testing.T) {
	tests := []struct{ in, name, want string }{
		{`{"a":1,"b":{{"topic":"T","queueId":0}:5,{"topic":"U"}:6},"c":2}`, "b", `{{"topic":"T","queueId":0}:5,{"topic":"U"}:6}`},
		{`{"b":[1,2]}`, "b", `[1,2]`},
		{` { "b" : {} } `, "b", `{}`},
		{`{"a":{"b":1}}`, "b", ``},
		{`{"a":"b","c":"\"b\":1"}`, "b", ``},
		{`{"b":"}","c":1}`, "b", `"}"`},
		{`{"b":1,"b":2}`, "b", `1`},
		{`{{"b":1}:5,"c":2}`, "b", ``},
		{`{}`, "b", ``},
		{``, "b", ``},
	}
	for _, tt := range tests {
		got, err := Member([]byte(tt.in), tt.name)
		if err != nil || string(got) != tt.want {
			t.Errorf("Member(%s) = %s, %v, want %s", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{`{"b":{}`, `{"b":[}}`, `}`, `[1]`, `{"b":"x`, `{"b":{}}{}`, `{}{"b":1}`, `x{"b":1}`, `"b"`, `{"b":1},`, `{"b":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`} {
		if got, err := Member([]byte(in), "b"); !errors.Is(err, ErrSyntax) {
			t.Errorf("Member(%s) = %s, %v, want ErrSyntax", in, got, err)
		}
	}
}

func FuzzMember(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{{"x":0}:1},"c":[{}]}`), "b")
	f.Add([]byte(`{"b" : "\"," , "c":2}`), "b")
	f.Fuzz(func(t *testing.T, in []byte, name string) {
		value, err := Member(in, name)
		if err != nil || value == nil {
			return
		}
		// What was found keeps the brackets of what it is put into.
		outer := append(append([]byte(`{"a":{"b":`), value...), `},"c":3}`...)
		if after, err := Member(outer, "c"); err != nil || string(after) != "3" {
			t.Errorf("Member(%q, %q) = %q, which breaks what is around it: %q, %v", in, name, value, after, err)
		}
		var all map[string]json.RawMessage
		if json.Unmarshal(in, &all) == nil && !json.Valid(value) {
			t.Errorf("Member(%q, %q) = %q", in, name, value)
		}
	})
}
