package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

const configHead = `.TH PAIRMQD.CONF 5 "" "pairmq" "File formats"
.SH NAME
pairmqd.conf \- the configuration of pairmqd
.SH DESCRIPTION
One \fIkey\fB=\fIvalue\fR a line, with the keys of RocketMQ's broker.conf and some more. Lines that begin with # or ! are
comments. Sizes take k, m and g, powers of 1024; durations take a number in the unit named below, or 500ms, 5s, 72h.
Files
.I conf.d/*.conf
beside it are laid over it, in the order of their names, and
.BI \-\- key = value
on the command line over those.
.SH KEYS
`

// configPage makes the man page of pairmqd.conf from the file that is installed,
// which has every key as a comment below its meaning.
func configPage(file string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(configHead)
	keys := 0
	var meaning []string
	for line := range strings.Lines(file) {
		line = strings.TrimSpace(line)
		text, prose := strings.CutPrefix(line, "# ")
		setting, key := strings.CutPrefix(line, "#")
		name, def, ok := strings.Cut(setting, "=")
		switch {
		case prose:
			meaning = append(meaning, text)
		case key && ok:
			keys++
			fmt.Fprintf(&b, ".TP\n.BR %s\" = \"\\fI%s\\fR\n%s\n", name, roff(def), roff(strings.Join(meaning, " ")))
			meaning = nil
		default:
			meaning = nil
		}
	}
	if keys == 0 {
		return nil, errors.New("pairmqd.conf has no key as a comment")
	}
	b.WriteString(".SH FILES\n.I /etc/pairmq/pairmqd.conf\n.br\n.I /etc/pairmq/conf.d/*.conf\n.SH SEE ALSO\n.BR pairmqd (8)\n")
	return b.Bytes(), nil
}

// roff is text that roff takes for nothing but text.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
}
