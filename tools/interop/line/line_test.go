package line

import (
	"maps"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	in := New("got", "id", 7, "props", EncodeMap(map[string]string{"颜色": "蓝 色=&", "a": ""}), "empty", "")
	out, ok := Parse(in.String())
	if !ok || out.Verb != in.Verb || !maps.Equal(out.Values, in.Values) {
		t.Fatalf("Parse(%q) = %v, %v", in, out, ok)
	}
	props, err := DecodeMap(out.Get("props"))
	if err != nil || props["颜色"] != "蓝 色=&" || len(props) != 2 {
		t.Errorf("properties came back as %q, %v", props, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "@", "log line", "@got noequals", "@got a=%zz"} {
		if l, ok := Parse(s); ok {
			t.Errorf("Parse(%q) = %v, want nothing", s, l)
		}
	}
}
