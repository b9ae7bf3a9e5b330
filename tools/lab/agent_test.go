package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func TestParseAnswer(t *testing.T) {
	tests := []struct {
		name, line string
		status     int
		out        string
		ours, bad  bool
	}{
		{"done", "7 0 aGVsbG8K\n", 0, "hello", true, false},
		{"done without a word", "7 0 \n", 0, "", true, false},
		{"failed", "7 3 bm8K\n", 3, "no", true, false},
		{"an answer to what was given up on", "6 0 aGVsbG8K\n", 0, "", false, false},
		{"the machine has booted meanwhile", "ready\n", 0, "", false, false},
		{"no status", "7 x aGVsbG8K\n", 0, "", true, true},
		{"no base64", "7 0 !!\n", 0, "", true, true},
		{"nothing", "\n", 0, "", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, out, ours, err := parseAnswer(tt.line, "7")
			if status != tt.status || out != tt.out || ours != tt.ours || (err != nil) != tt.bad {
				t.Errorf("parseAnswer(%q) = %d, %q, %v, %v", tt.line, status, out, ours, err)
			}
		})
	}
}

// FuzzParseAnswer: what is taken for an answer says the same when it is written again,
// and what has another number is never taken for one.
func FuzzParseAnswer(f *testing.F) {
	f.Add("7 0 aGVsbG8K\n", "7")
	f.Add("7 -3 \n", "7")
	f.Add("ready\n", "7")
	f.Add("7 99999999999999999999 aGVsbG8K\n", "7")
	f.Add("7 0 !!\n", "7")
	f.Fuzz(func(t *testing.T, line, id string) {
		status, out, ours, err := parseAnswer(line, id)
		words := strings.Fields(line)
		if ours && words[0] != id {
			t.Errorf("%q is taken for the answer to %q", line, id)
		}
		if !ours || err != nil {
			if status != 0 || out != "" || !ours && err != nil {
				t.Errorf("parseAnswer(%q) = %d, %q, %v, %v", line, status, out, ours, err)
			}
			return
		}
		again := fmt.Sprintf("%s %d %s\n", id, status, base64.StdEncoding.EncodeToString([]byte(out)))
		if s, o, ours, err := parseAnswer(again, id); s != status || o != out || !ours || err != nil {
			t.Errorf("%q is %d, %q; %q is %d, %q, %v, %v", line, status, out, again, s, o, ours, err)
		}
	})
}
