package main

import "testing"

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
