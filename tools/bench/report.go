package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Names of what a sample measures.
const (
	metricRate       = "messagesPerSecond"
	metricP50        = "p50Micros"
	metricP99        = "p99Micros"
	metricP999       = "p999Micros"
	metricMax        = "maxMicros"
	metricBytes      = "bytesPerSecond"
	metricErrors     = "errors"                // replies with another code than success, and requests without a reply
	metricCPU        = "cpuMicros"             // processor time of the broker for one message
	metricMillis     = "millis"                // from the start of the process to its first answer
	metricRSS        = "rssKiB"                // VmRSS of the broker
	metricHWM        = "hwmKiB"                // VmHWM of the broker
	metricAnon       = "anonKiB"               // RssAnon of the broker: without mapped files
	metricNamesrvRSS = "namesrvKiB"            // VmRSS of the name server where it is a process of its own
	metricIndexed    = "indexedBytesPerSecond" // of a copy, until the slave can serve all of it
	metricOthers     = "othersPercent"         // of the machine's processors, that others took meanwhile
)

// A sample is one cell of one target in one round.
type sample struct {
	Target string             `json:"target"`
	Cell   string             `json:"cell"`
	Round  int                `json:"round"` // from 1
	At     time.Time          `json:"at"`
	Values map[string]float64 `json:"values"`
	Error  string             `json:"error,omitempty"` // why there is none, or only a part
}

// A setting is what something was measured with.
type setting struct {
	Machine machine           `json:"machine"`
	Command string            `json:"command"`
	Targets map[string]string `json:"targets"` // name to version
}

// A report is all that was measured, and what with.
type report struct {
	setting
	Pairs    *setting `json:"pairs,omitempty"`    // with which the cells of pairs were measured
	Recovery *setting `json:"recovery,omitempty"` // with which those of recovery were
	Delay    *setting `json:"delay,omitempty"`    // with which those of delayed messages were
	Wear     *setting `json:"wear,omitempty"`     // with which those of wear were
	Samples  []sample `json:"samples"`
}

// measuredWith notes what the cells of this run are measured with.
func (r *report) measuredWith(c config, m machine, targets []target) {
	now := setting{Machine: m, Command: c.command(), Targets: make(map[string]string)}
	for _, t := range targets {
		now.Targets[t.name()] = t.version()
	}
	if c.wear {
		r.Wear = now.after(r.Wear)
		return
	}
	if c.wantsSuch(isAlone) {
		r.Machine = m
		maps.Copy(r.Targets, now.Targets)
	}
	if c.wantsSuch(isPair) {
		r.Pairs = now.after(r.Pairs)
	}
	if c.wantsSuch(isRecovery) {
		r.Recovery = now.after(r.Recovery)
	}
	if c.wantsSuch(isDelay) {
		r.Delay = now.after(r.Delay)
	}
}

// after returns the setting with the targets of an older one that are not
// measured now.
func (s setting) after(old *setting) *setting {
	if old != nil {
		all := maps.Clone(old.Targets)
		maps.Copy(all, s.Targets)
		s.Targets = all
	}
	return &s
}

// loadReport returns the report that the run adds to: a new one, or what the
// JSON file has when it is to be kept.
func loadReport(c config) (*report, error) {
	r := &report{setting: setting{Targets: make(map[string]string), Command: c.command()}}
	if !c.merge && !c.render {
		return r, nil
	}
	b, err := os.ReadFile(c.out)
	if errors.Is(err, fs.ErrNotExist) && c.merge {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", c.out, err)
	}
	return r, nil
}

// command is what the run does, without where.
func (c config) command() string {
	if c.wear {
		s := "bench -wear"
		for flag, set := range map[string]bool{" -apache": c.apache, " -curve": c.curve} {
			if set {
				s += flag
			}
		}
		return s
	}
	s := fmt.Sprintf("bench -rounds=%d -seconds=%g -heat=%g -conns=%d -heap=%s", c.rounds, c.seconds.Seconds(), c.heat.Seconds(), c.conns, c.heap)
	if c.short {
		s += " -short"
	}
	return s
}

// forget drops what an earlier run measured of a target's cell.
func (r *report) forget(target, cell string) {
	r.Samples = slices.DeleteFunc(r.Samples, func(s sample) bool { return s.Target == target && s.Cell == cell })
}

func (r *report) add(s sample) { r.Samples = append(r.Samples, s) }

// median returns the middle of what all rounds measured; ok is false when no
// round did. Of an even number it is the mean of the two in the middle.
func (r *report) median(target, cell, metric string) (v float64, ok bool) {
	all := r.each(target, cell, metric)
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2, true
}

// each returns what every round measured.
func (r *report) each(target, cell, metric string) (all []float64) {
	for _, s := range r.Samples {
		if v, ok := s.Values[metric]; ok && s.Target == target && s.Cell == cell {
			all = append(all, v)
		}
	}
	return all
}

// write replaces the JSON file.
func (r *report) write(file string) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return replaceFile(file, append(b, '\n'))
}

func replaceFile(file string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", b, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// summary is the sample in a few words, for the person who waits.
func (s sample) summary() string {
	v := s.Values
	switch {
	case s.Error != "":
		return "failed: " + s.Error
	case isDelay(s.Cell):
		return fmt.Sprintf("%.0f messages, late by p50 %s, p99 %s, at most %s ms; %.0f early, %.0f twice, %.0f never; others took %.0f %%", v[metricMessages],
			format(v[metricP50]/1e3), format(v[metricP99]/1e3), format(v[metricMax]/1e3), v[metricEarly], v[metricTwice], v[metricNever], v[metricOthers])
	case v[metricRecords] > 0:
		calls := noNumber
		if v[metricCalls] > 0 {
			calls = fmt.Sprintf("%.3f", v[metricCalls]/v[metricRecords])
		}
		return fmt.Sprintf("device %.3f, write calls %s of %s MB of records, %s KiB a flush, %.1f s", v[metricDevice]/v[metricRecords], calls,
			format(v[metricRecords]/1e6), format(v[metricRecords]/max(1, v[metricFlushes])/1024), v[metricSeconds])
	case v[metricSeconds] > 0 && v[metricMessages] > 0:
		return fmt.Sprintf("%s bytes a message, %s flushes/s, p50 %s ms, p99 %s ms", format(v[metricDevice]/v[metricMessages]), format(v[metricFlushes]/v[metricSeconds]), format(v[metricP50]/1e3), format(v[metricP99]/1e3))
	case v[metricSeconds] > 0:
		return fmt.Sprintf("%.0f bytes and %.0f flushes in %.0f s", v[metricDevice], v[metricFlushes], v[metricSeconds])
	case v[metricRate] > 0:
		return fmt.Sprintf("%s msg/s, p50 %s ms, p99 %s ms, %.0f refused", format(v[metricRate]), format(v[metricP50]/1e3), format(v[metricP99]/1e3), v[metricErrors])
	case v[metricBytes] > 0:
		return fmt.Sprintf("%s MB/s, others took %.0f %%", format(v[metricBytes]/1e6), v[metricOthers])
	case v[metricMillis] > 0:
		return format(v[metricMillis]) + " ms"
	case v[metricRSS] > 0:
		return format(v[metricRSS]/1024) + " MiB resident"
	}
	return "nothing measured"
}
