package remoting

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

var someFields = Fields{
	{"i32", "-2147483648"}, {"i64", "9223372036854775807"}, {"yes", "True"}, {"no", "false"},
	{"empty", ""}, {"word", "abc"}, {"twice", "1"}, {"twice", "2"},
}

func TestFieldsLookup(t *testing.T) {
	tests := []struct {
		key, want string
		ok        bool
	}{{"word", "abc", true}, {"empty", "", true}, {"twice", "2", true}, {"Word", "", false}}
	for _, tt := range tests {
		if got, ok := someFields.Lookup(tt.key); got != tt.want || ok != tt.ok {
			t.Errorf("Lookup(%q) = %q, %v, want %q, %v", tt.key, got, ok, tt.want, tt.ok)
		}
	}
}

func TestFieldsNumbers(t *testing.T) {
	f := someFields
	tests := []struct {
		call string
		get  func() (any, error)
		want any
		err  error
	}{
		{"Int32(i32)", func() (any, error) { return f.Int32("i32") }, int32(-1 << 31), nil},
		{"Int32(i64)", func() (any, error) { return f.Int32("i64") }, nil, ErrField},
		{"Int32(missing)", func() (any, error) { return f.Int32("missing") }, nil, ErrField},
		{"Int32(empty)", func() (any, error) { return f.Int32("empty") }, nil, ErrField},
		{"Int64(i64)", func() (any, error) { return f.Int64("i64") }, int64(1<<63 - 1), nil},
		{"Int64(word)", func() (any, error) { return f.Int64("word") }, nil, ErrField},
		{"Int32Or(missing, 7)", func() (any, error) { return f.Int32Or("missing", 7) }, int32(7), nil},
		{"Int32Or(empty, 7)", func() (any, error) { return f.Int32Or("empty", 7) }, int32(7), nil},
		{"Int32Or(i32, 7)", func() (any, error) { return f.Int32Or("i32", 7) }, int32(-1 << 31), nil},
		{"Int32Or(word, 7)", func() (any, error) { return f.Int32Or("word", 7) }, nil, ErrField},
		{"Int64Or(missing, 7)", func() (any, error) { return f.Int64Or("missing", 7) }, int64(7), nil},
		{"Int64Or(i64, 7)", func() (any, error) { return f.Int64Or("i64", 7) }, int64(1<<63 - 1), nil},
		{"BoolOr(yes, false)", func() (any, error) { return f.BoolOr("yes", false) }, true, nil},
		{"BoolOr(no, true)", func() (any, error) { return f.BoolOr("no", true) }, false, nil},
		{"BoolOr(missing, true)", func() (any, error) { return f.BoolOr("missing", true) }, true, nil},
		{"BoolOr(word, true)", func() (any, error) { return f.BoolOr("word", true) }, nil, ErrField},
	}
	for _, tt := range tests {
		got, err := tt.get()
		if !errors.Is(err, tt.err) || err == nil && got != tt.want {
			t.Errorf("%s = %v, %v, want %v, %v", tt.call, got, err, tt.want, tt.err)
		}
	}
	_, err := Fields{{"queueId", strings.Repeat("x", 200)}}.Int32("queueId")
	if s := err.Error(); !strings.Contains(s, "queueId") || !strings.Contains(s, "xxx") || len(s) > 200 {
		t.Errorf("error is %q, want key and value, not all of a long one", s)
	}
}

func TestFieldsAdd(t *testing.T) {
	var f Fields
	f.Add("topic", "T")
	f.AddInt("offset", -3)
	if want := (Fields{{"topic", "T"}, {"offset", "-3"}}); !reflect.DeepEqual(f, want) {
		t.Errorf("fields are %v, want %v", f, want)
	}
}
