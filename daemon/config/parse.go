package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxFile bounds a configuration file in bytes; a larger one is not ours.
const maxFile = 1 << 20

// A setting is one key=value with where it stands.
type setting struct{ where, key, value string }

// Load reads the file at path, then every *.conf of the folder conf.d beside
// it in the order of their names, then args, each "key=value" as from the
// command line; later settings win. An empty path reads only args.
//
// It returns every complaint at once, joined into one error, each with file
// and line. Notes are not errors: keys of RocketMQ that have no effect here, and
// quotas that are small.
func Load(path string, args []string) (c Config, notes []string, err error) {
	var all []setting
	var errs []error
	for _, f := range files(path) {
		s, err := readFile(f)
		all = append(all, s...)
		errs = append(errs, err)
	}
	for _, a := range args {
		k, v, ok := strings.Cut(a, "=")
		if !ok {
			errs = append(errs, fmt.Errorf("command line: --%s has no value; write --%s=VALUE", a, a))
			continue
		}
		all = append(all, setting{"command line", k, v})
	}
	c = Default()
	notes, bad := apply(&c, all)
	errs = append(errs, bad...)
	if err := errors.Join(errs...); err != nil {
		return Config{}, nil, err
	}
	return c, slices.Concat(notes, smallQuotas(&c), longDelays(&c)), errors.Join(validate(&c)...)
}

// files is path and what conf.d beside it holds.
func files(path string) []string {
	if path == "" {
		return nil
	}
	more, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "conf.d", "*.conf")) // the pattern is constant: no error
	return append([]string{path}, more...)
}

func readFile(path string) ([]setting, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("configuration: %s has %d bytes, at most %d are read", path, info.Size(), maxFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return parse(path, b)
}

// parse splits a file into settings: one key=value a line, '#' or '!' begins
// a comment line, spaces around key and value do not count.
func parse(path string, b []byte) ([]setting, error) {
	var all []setting
	var errs []error
	for i, line := range bytes.Split(b, []byte("\n")) {
		where := fmt.Sprintf("%s:%d", path, i+1)
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' || text[0] == '!' {
			continue
		}
		k, v, ok := strings.Cut(text, "=")
		if k = strings.TrimSpace(k); !ok || k == "" {
			errs = append(errs, fmt.Errorf("%s: %q is not key=value", where, text))
			continue
		}
		all = append(all, setting{where, k, strings.TrimSpace(v)})
	}
	return all, errors.Join(errs...)
}

// apply sets every setting in c and returns what has no effect and what is wrong.
func apply(c *Config, all []setting) (notes []string, errs []error) {
	known := map[string]key{}
	for _, k := range keys() {
		known[k.name] = k
	}
	unused := without()
	for _, s := range all {
		k, ok := known[s.key]
		why, idle := unused[s.key]
		switch {
		case ok:
			if err := k.set(c, s.value); err != nil {
				errs = append(errs, fmt.Errorf("%s: %s %w", s.where, s.key, err))
			}
		case idle:
			notes = append(notes, fmt.Sprintf("%s: %s has no effect: %s", s.where, s.key, why))
		default:
			errs = append(errs, fmt.Errorf("%s: unknown key %q; did you mean %q?", s.where, s.key, nearest(s.key)))
		}
	}
	return notes, errs
}

// nearest is the known key that takes the fewest edits, without regard to case.
func nearest(name string) string {
	best, least := "", 1<<30
	for _, k := range keys() {
		if d := distance(strings.ToLower(name), strings.ToLower(k.name)); d < least {
			best, least = k.name, d
		}
	}
	return best
}

// distance is the number of single-byte edits between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
