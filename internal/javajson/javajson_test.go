package javajson

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestQuoteKeys(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{0:"a"}`, `{"0":"a"}`},
		{`{ 0 : "a", -12:"b" }`, `{ "0" : "a", "-12":"b" }`},
		{`{"x":{0:[1,2,{3:4}],1:5}}`, `{"x":{"0":[1,2,{"3":4}],"1":5}}`},
		{`[1,{2:"}3:{"},4]`, `[1,{"2":"}3:{"},4]`},
		{`{"a\"{1:":1,2:3}`, `{"a\"{1:":1,"2":3}`},
		{`{"0":"a"}`, `{"0":"a"}`},
		{`[1,2]`, `[1,2]`},
		{`"unfinished`, `"unfinished`},
		{`"unfinished\`, `"unfinished\`},
		{``, ``},
	}
	for _, tt := range tests {
		got, err := QuoteKeys([]byte(tt.in))
		if err != nil || string(got) != tt.want {
			t.Errorf("QuoteKeys(%s) = %s, %v, want %s", tt.in, got, err, tt.want)
		}
	}
}

func TestQuoteKeysRefuses(t *testing.T) {
	for _, in := range []string{
		`{`, `}`, `{]`, `[}`, `{"a":[}`, strings.Repeat("[", 65) + strings.Repeat("]", 65), `{1`,
	} {
		if got, err := QuoteKeys([]byte(in)); !errors.Is(err, ErrSyntax) {
			t.Errorf("QuoteKeys(%s) = %s, %v, want ErrSyntax", in, got, err)
		}
	}
	deep := strings.Repeat("[", 64) + strings.Repeat("]", 64)
	if _, err := QuoteKeys([]byte(deep)); err != nil {
		t.Errorf("QuoteKeys of 64 levels fails: %v", err)
	}
}

func FuzzQuoteKeys(f *testing.F) {
	f.Add([]byte(`{0:"a","b":[1,{-2:3}]}`))
	f.Add([]byte(`{"a\"":1,2 :3}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := QuoteKeys(in)
		if err != nil {
			return
		}
		if json.Valid(in) && !bytes.Equal(out, in) {
			t.Errorf("QuoteKeys changes the valid %q to %q", in, out)
		}
		again, err := QuoteKeys(out)
		if json.Valid(out) && (err != nil || !bytes.Equal(again, out)) {
			t.Errorf("QuoteKeys(%q) = %q, and of that %q, %v", in, out, again, err)
		}
	})
}
