package main

import (
	"fmt"
	"strings"
)

// count is how many findings there are of a kind.
func (v *verification) count(kind string) (n int) {
	for _, f := range v.Findings {
		if f.Kind == kind {
			n++
		}
	}
	return n
}

// printVerification writes what was found, and what follows from it.
func (e *env) printVerification(v *verification) error {
	if e.json {
		return e.printJSON(v)
	}
	for _, f := range v.Findings {
		if _, err := fmt.Fprintln(e.out, f.text(v)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(e.out, "compared %s, from %d to %d: %s\n", size(v.To-v.From), v.From, v.To, v.summary())
	return err
}

// text is a finding as a line for people.
func (f *logFinding) text(v *verification) string {
	line := fmt.Sprintf("%-9s  %d to %d", safe(f.Kind), f.From, f.To)
	if f.Records > 0 {
		line += fmt.Sprintf("  records %d", f.Records)
	}
	for _, part := range [][2]string{{v.Broker + ": ", f.Here}, {v.Peer + ": ", f.There}, {"copy ", f.Copy}, {"", f.Note}} {
		if part[1] != "" {
			line += "  " + part[0] + safe(part[1])
		}
	}
	return line
}

// summary says in one line how the logs stand to each other now.
func (v *verification) summary() string {
	repaired := v.count("REPAIRED")
	left := len(v.Findings) - repaired
	text := "the logs are the same"
	if left > 0 {
		text = fmt.Sprintf("differences %d", left)
	}
	if repaired > 0 {
		text += fmt.Sprintf(", repaired %d", repaired)
	}
	switch {
	case left > 0 || !v.ReadOnly:
	case v.Start < v.From || v.To < v.End:
		text += fmt.Sprintf("; %s is read-only, and of its log, %d to %d, %s has not all: start it again if it stays so", v.Broker, v.Start, v.End, v.Peer)
	default:
		text += fmt.Sprintf("; %s is read-only until it opens its log again, within half a minute", v.Broker)
	}
	return text
}

// failure returns errDiffer, with what is to be done, when a difference is left.
func (v *verification) failure(dryRun bool) error {
	var todo []string
	if n := v.count("BAD_HERE"); n > 0 && dryRun {
		todo = append(todo, "without --dry-run, what is bad at "+v.Broker+" is repaired")
	} else if n > 0 {
		todo = append(todo, "what is bad at "+v.Broker+" could not be repaired, the list says why")
	}
	if v.count("BAD_THERE") > 0 {
		todo = append(todo, fmt.Sprintf("what is bad at %s is repaired by: pairmq log verify --broker %s --peer %s", v.Peer, v.Peer, v.Broker))
	}
	if v.count("BAD_BOTH") > 0 {
		todo = append(todo, "what is bad in both logs is lost, unless there is another copy")
	}
	if v.count("DIVERGED") > 0 {
		todo = append(todo, "where both are good and not the same, nothing was changed: people must decide which is right")
	}
	if len(todo) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", errDiffer, strings.Join(todo, "; "))
}
