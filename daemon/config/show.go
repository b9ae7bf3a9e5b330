package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Text is the whole configuration as key=value lines, as RocketMQ's
// getBrokerConfig prints it. No key holds a secret.
func (c *Config) Text() string {
	var b strings.Builder
	for _, k := range keys() {
		fmt.Fprintf(&b, "%s=%s\n", k.name, k.value(c))
	}
	return b.String()
}

// Shown is Text and how it is with keys of RocketMQ with which nothing is set here, and
// that exportConfigs of 4.9.7 fails without.
func (c *Config) Shown() string {
	return c.Text() + "filterServerNums=0\nslaveReadEnable=true\ntraceOn=" + strconv.FormatBool(c.TraceTopicEnable) +
		"\nuseTLS=" + strconv.FormatBool(c.TLSEnable) + "\n"
}

// Markdown is the table of every key for docs/configuration.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| key | default | meaning | from |\n| --- | --- | --- | --- |\n")
	for _, k := range keys() {
		from := "RocketMQ"
		if k.ours {
			from = "pairmq"
		}
		if k.live {
			from += ", re-read on SIGHUP"
		}
		if k.online {
			from += ", changed by updateBrokerConfig"
		}
		def := "`" + k.def + "`"
		if k.def == "" {
			def = ""
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.name, def, k.doc, from)
	}
	return b.String()
}

// Reload takes over from next what can change while the daemon runs, and
// names the keys that changed and need a restart.
func (c *Config) Reload(next *Config) (changed, restart []string) {
	for _, k := range keys() {
		if k.value(c) == k.value(next) {
			continue
		}
		if !k.live {
			restart = append(restart, k.name)
			continue
		}
		changed = append(changed, k.name)
		if err := k.set(c, k.value(next)); err != nil {
			restart = append(restart, k.name) // next was checked: this does not happen
		}
	}
	return changed, restart
}
