package record

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestProperty(t *testing.T) {
	tests := []struct {
		props, name, want string
		ok                bool
	}{
		{"", "a", "", false},
		{"a\x01b", "a", "b", true},
		{"a\x01b\x02", "a", "b", true},
		{"x\x01y\x02a\x01b\x02c\x01d", "a", "b", true},
		{"a\x011\x02a\x012", "a", "2", true},
		{"a\x011\x02a\x01", "a", "1", true},
		{"a\x01", "a", "", false},
		{"a", "a", "", false},
		{"ab\x01c", "a", "", false},
		{"a\x01b\x01c", "a", "b\x01c", true},
		{"\x01b\x02", "", "", false},
		{"\x02\x02a\x01b", "a", "b", true},
		{"b\x01a\x01x", "a", "", false},
	}
	for _, test := range tests {
		if got, ok := Property(test.props, test.name); got != test.want || ok != test.ok {
			t.Errorf("Property(%q, %q) = %q, %v, want %q, %v", test.props, test.name, got, ok, test.want, test.ok)
		}
	}
}

func TestAppendRemoveProperty(t *testing.T) {
	tests := []struct{ props, remove, want string }{
		{"", "W", ""},
		{"a\x01b", "W", "a\x01b"},
		{"W\x01true", "W", ""},
		{"W\x01true\x02", "W", ""},
		{"W\x01true\x02a\x01b", "W", "a\x01b"},
		{"a\x01b\x02W\x01true", "W", "a\x01b"},
		{"a\x01b\x02W\x01true\x02", "W", "a\x01b\x02"},
		{"a\x01b\x02W\x01true\x02c\x01d", "W", "a\x01b\x02c\x01d"},
		{"W\x011\x02a\x01b\x02W\x012\x02W\x013\x02c\x01d\x02W\x01", "W", "a\x01b\x02c\x01d"},
		{"WW\x01b\x02W", "W", "WW\x01b\x02W"},
	}
	for _, test := range tests {
		if got := RemoveProperty(test.props, test.remove); got != test.want {
			t.Errorf("RemoveProperty(%q, %q) = %q, want %q", test.props, test.remove, got, test.want)
		}
	}
	for props, want := range map[string]string{
		"":           "C\x01d",
		"a\x01b":     "a\x01b\x02C\x01d",
		"a\x01b\x02": "a\x01b\x02C\x01d",
	} {
		if got := AppendProperty(props, "C", "d"); got != want {
			t.Errorf("AppendProperty(%q, C, d) = %q, want %q", props, got, want)
		}
	}
}

func TestCheckProperties(t *testing.T) {
	for props, want := range map[string]error{
		"":                                   nil,
		"a\x01b":                             nil,
		"a\x01b\x02":                         nil,
		"a\x01b\x02\x02c\x01d":               nil,
		"a\x01\x02c\x01d":                    nil,
		"tag\x01日本":                          nil,
		"a\x01b\x02WAI":                      ErrProperties,
		"\x01b":                              ErrProperties,
		"a\x01\xff":                          ErrProperties,
		"a\x01" + strings.Repeat("b", 32766): ErrProperties,
	} {
		if err := CheckProperties(props); !errors.Is(err, want) {
			t.Errorf("CheckProperties(%.40q) = %v, want %v", props, err, want)
		}
	}
}

// javaProperties is the decoder of RocketMQ 4.9.7, written down from its rules.
func javaProperties(props string) map[string]string {
	m := map[string]string{}
	for _, entry := range strings.Split(props, "\x02") {
		if name, value, ok := strings.Cut(entry, "\x01"); ok && name != "" && value != "" {
			m[name] = value
		}
	}
	return m
}

func FuzzProperties(f *testing.F) {
	f.Add("a\x01b\x02W\x01true\x02TAGS\x01TagA", "W")
	f.Add("a\x01b\x02W\x01true\x02W\x01", "W")
	f.Add("\x02\x02\x01x\x02W", "W")
	f.Fuzz(func(t *testing.T, props, name string) {
		if name == "" || strings.ContainsAny(name, "\x01\x02") {
			return
		}
		want := javaProperties(props)
		got, ok := Property(props, name)
		if wantValue, wantOK := want[name]; got != wantValue || ok != wantOK {
			t.Errorf("Property(%q, %q) = %q, %v, want %q, %v", props, name, got, ok, wantValue, wantOK)
		}
		seen := map[string]string{}
		for n, v := range EachProperty(props) {
			seen[n] = v
		}
		if !equalMaps(seen, want) {
			t.Errorf("EachProperty(%q) gives %q, want %q", props, seen, want)
		}
		removed := RemoveProperty(props, name)
		delete(want, name)
		if got := javaProperties(removed); !equalMaps(got, want) {
			t.Errorf("RemoveProperty(%q, %q) = %q, with %q, want %q", props, name, removed, got, want)
		}
		want[name] = "v"
		if got := javaProperties(AppendProperty(props, name, "v")); !equalMaps(got, want) {
			t.Errorf("AppendProperty(%q, %q, v) has %q, want %q", props, name, got, want)
		}
		_ = CheckProperties(props)
	})
}

func equalMaps(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func TestHashes(t *testing.T) {
	for tags, want := range map[string]int64{ // of Java's String.hashCode
		"": 0, "TagA": 2598919, "TagB": 2598920, "TagD": 2598922,
		"日本": 835047, "\U0001F600": 1772899, "é": 233, "polygenelubricants": -2147483648,
	} {
		if got := TagsCode(tags); got != want {
			t.Errorf("TagsCode(%q) = %d, want %d", tags, got, want)
		}
	}
	for _, test := range []struct {
		topic, key string
		want       uint32
	}{
		{"PeerTopic", "key1", 1203028904},
		{"PeerTopic", "T#TagA", 44098380},
	} {
		if got := KeyHash(test.topic, test.key); got != test.want {
			t.Errorf("KeyHash(%q, %q) = %d, want %d", test.topic, test.key, got, test.want)
		}
	}
	if got := keyHash(0, "\x00"); got != 1085 { // 31*'#'
		t.Errorf("keyHash(0, NUL) = %d, want 1085", got)
	}
}

func TestHashesOfARecord(t *testing.T) {
	tests := []struct {
		name    string
		sysFlag int32
		props   string
		tags    string
		want    []string
	}{
		{"nothing", 0, "", "", nil},
		{"tags alone", 0, "TAGS\x01a", "a", nil},
		{"unique key and words", 0, "KEYS\x01k1 k2  k3 \x02UNIQ_KEY\x01U", "", []string{"U", "k1", "k2", "k3"}},
		{"names that begin alike", 0, "TAGSET\x01a\x02KEY\x01k\x02UNIQ_KEY2\x01U\x02TAGS\x01b\x02", "b", nil},
		{"the last of a name", 0, "KEYS\x01k1\x02TAGS\x01a\x02KEYS\x01k2\x02TAGS\x01b", "b", []string{"k2"}},
		{"one without a value does not count", 0, "KEYS\x01k1\x02TAGS\x01a\x02KEYS\x01\x02TAGS\x01\x02TAGS", "a", []string{"k1"}},
		{"a value with a separator in it", 0, "KEYS\x01k\x011\x02", "", []string{"k\x011"}},
		{"prepared", SysPrepared, "KEYS\x01k1\x02TAGS\x01a", "a", []string{"k1"}},
		{"rollback", SysRollback, "KEYS\x01k1\x02UNIQ_KEY\x01U\x02TAGS\x01a", "a", nil},
	}
	for _, test := range tests {
		v, err := Parse(Append(nil, &Message{Topic: "T", SysFlag: test.sysFlag, Properties: test.props}), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		want := []uint32{7}
		for _, key := range test.want {
			want = append(want, KeyHash("T", key))
		}
		code, keys := v.Hashes([]uint32{7})
		if code != TagsCode(test.tags) || code != v.TagsCode() || !slices.Equal(keys, want) {
			t.Errorf("%s: tags code %d, key hashes %d, want %d, %d", test.name, code, keys, TagsCode(test.tags), want)
		}
	}
}

// checkHashes compares what one pass over the properties finds with what a look-up
// of each name does.
func checkHashes(t *testing.T, v View) {
	t.Helper()
	uniq, _ := v.Property(PropertyUniqKey)
	words, _ := v.Property(PropertyKeys)
	var want []uint32
	if v.Transaction() != SysRollback {
		want = appendKeyHashes(nil, javaHash(0, string(v.Topic())), string(uniq), string(words))
	}
	if code, keys := v.Hashes(nil); code != v.TagsCode() || !slices.Equal(keys, want) {
		t.Errorf("%q: tags code %d, key hashes %d, want %d, %d", v.Properties(), code, keys, v.TagsCode(), want)
	}
}

func BenchmarkProperty(b *testing.B) {
	props := "a\x015\x02KEYS\x01key1\x02UNIQ_KEY\x01FD00000000000000000000000000000276D360E53B937208137D0000\x02WAIT\x01true\x02TAGS\x01TagA"
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Property(props, PropertyTags); !ok {
			b.Fatal("no tags")
		}
	}
}
