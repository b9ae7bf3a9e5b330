package bundle

import (
	"regexp"
	"strings"
)

// Redacted stands where a secret was.
const Redacted = "REDACTED"

// Names of keys whose values may be secrets, known or not; of none that pairmqd has.
const secretive = `[\w.-]*(?:passw|passphrase|secret|token|credential|access_?key|api_?key|private_?key|authoriz)[\w.-]*`

// Redact takes out what looks like a secret: the word behind a name that says so, user
// and password of a URL, and keys in PEM. It rather takes too much.
func Redact(text string) string {
	text = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`).ReplaceAllString(text, Redacted)
	text = regexp.MustCompile(`://[^\s/@]+@`).ReplaceAllString(text, "://"+Redacted+"@")
	return regexp.MustCompile(`(?i)(`+secretive+`["'\\]*(?:[ \t]*[=:][ \t]*|[ \t]+)["'\\]*)[^\s"'\\,;]+`).ReplaceAllString(text, "${1}"+Redacted)
}

// RedactConfig is Redact for a configuration file: all of a line behind the name goes,
// also where the line is a comment.
func RedactConfig(text string) string {
	line := regexp.MustCompile(`(?i)^(\s*[#!]?\s*` + secretive + `\s*[=: \t]\s*).+$`)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = line.ReplaceAllString(l, "${1}"+Redacted)
	}
	return Redact(strings.Join(lines, "\n"))
}
