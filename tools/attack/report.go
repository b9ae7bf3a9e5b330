package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine says on what it was measured.
func machine() string {
	cpu := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	var info unix.Sysinfo_t
	memory := "unknown memory"
	if unix.Sysinfo(&info) == nil {
		memory = fmt.Sprintf("%.1f GiB", float64(info.Totalram)*float64(info.Unit)/(1<<30))
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d × %s, %s, Linux %s, %s", runtime.NumCPU(), cpu, memory, strings.TrimSpace(string(release)), runtime.Version())
}

// writeTable writes the page of all attacks.
func writeTable(file string, a *args, all []*trial, took time.Duration) error {
	var b strings.Builder
	fmt.Fprintf(&b, tableHead, a.limit, machine(), time.Now().UTC().Format(time.DateOnly), len(all), took.Seconds(), repeats(all))
	for on := range staged {
		rows := 0
		for _, t := range all {
			if t.on != on {
				continue
			}
			if rows++; rows == 1 {
				fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s", stageHeads[on][0], stageHeads[on][1], rowHead)
			}
			b.WriteString(t.row())
		}
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// repeats says how often attacks were had again.
func repeats(all []*trial) string {
	again, more := 0, 0
	for _, t := range all {
		if t.tried > 1 {
			again++
			more += t.tried - 1
		}
	}
	if again == 0 {
		return "none of them tried again"
	}
	return fmt.Sprintf("%d of them tried again, %d times together", again, more)
}

const rowHead = "| attack | what was sent | connections, bytes | what came back | own memory | lines of log | client's p99, quiet and during | tried | |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"

// row is the line of one attack.
func (t *trial) row() string {
	verdict := "refused"
	switch {
	case len(t.wrong) > 0 && t.pending != "":
		verdict = "**not yet**: " + t.pending
	case len(t.wrong) > 0:
		verdict = "**FAILED**: " + t.wrong[0]
	}
	return fmt.Sprintf("| %s | %s | %d, %s | %s | %s | %d in %.0f s | %.1f ms, %.1f ms | %d | %s |\n", t.name, cell(t.what), t.Conns, bytesOf(t.Bytes), cell(t.answers()), bytesOf(t.memory), t.lines, t.took.Seconds(),
		float64(t.before.Microseconds())/1000, float64(t.during.Microseconds())/1000, t.tried, cell(verdict))
}

// cell is text that does not end a cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(text)
}

var stageHeads = [staged][2]string{
	installed: {"As installed", "The configuration that comes with the package; a client in plain text."},
	secured:   {"With TLS", "`tlsServerMode=enforcing` and `tlsServerNeedClientAuth=require` on every port; the client has a certificate."},
	accounts:  {"With accounts", "`aclEnable=true`: every request to the broker is signed, and the client's account may use its own topic alone. `metricsListen=0.0.0.0:10915`: other machines may scrape."},
	paired:    {"A pair", "A SYNC_MASTER with a slave, which is on a machine of its own; each send of the client waits for both."},
	misled:    {"A slave of a liar", "A slave that is told to copy a stranger, and what that does to it; the client works with the gateway beside it."},
}

const tableHead = `# Attacks

This page is made by ` + "`PAIRMQ_WRITE=1 make attack`" + `. Each row is something that a hostile neighbour does to a pairmqd that runs as the package installs it, with %d MiB of memory, while a
client sends 500 messages a second and consumes them. [SECURITY.md](../SECURITY.md) says who may do what, and why. ` + "`make attack`" + ` runs all of them (` + "`ATTACKFLAGS='-run Zip -v'`" + ` chooses).

Strangers and client have addresses of their own: nobody calls from this machine. A row is "refused" if all of this is so, and else it fails:

* what came back is a refusal or the end of the connection, as the attack itself knows (` + "`tools/attack`" + `)
* nothing was killed for want of memory; "own memory" is the most that was the daemon's own (anonymous pages) meanwhile
* the log says something where a person should know, and at most four lines and two a second; where names are made up, a hundred of each kind besides
* afterwards goroutines and open files are as many as before, somebody who comes anew is served, and no file outside of ` + "`/var/lib/pairmq`" + ` has come, gone or changed
* what was to be changed is as it was: configurations, routes, who follows whom
* no send or pull of the client failed; its p99 is at most twice that of quiet moments right before and after, or below 30 ms; at the end it has each message that was acknowledged once

Strangers share the processors with the daemon here, at a lower priority. An attack that fails by the client's p99 alone is tried again, three times at most, each time between quiet moments of its own: what
others do to this machine passes, a fault stays. "tried" says how often. Nothing else is judged twice.

Measured on %s, on %s: %d attacks in %.0f s, %s.
`
