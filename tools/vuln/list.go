package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A list is what a database said at a time of some modules. In a file it is a line of JSON
// that tells of it, and one for each entry.
type list struct {
	Date    time.Time `json:"date"`    // what was known then is in it
	From    string    `json:"from"`    // where it comes from
	Modules []string  `json:"modules"` // it says everything of these, of which most have no entry
	entries []entry
}

// An entry is one vulnerability in the schema of osv.dev, as far as govulncheck needs it:
// https://pkg.go.dev/vuln/ID has the rest.
type entry struct {
	Schema    string     `json:"schema_version,omitempty"`
	ID        string     `json:"id"`
	Modified  time.Time  `json:"modified"`
	Published time.Time  `json:"published"`
	Withdrawn *time.Time `json:"withdrawn,omitempty"`
	Aliases   []string   `json:"aliases,omitempty"`
	Summary   string     `json:"summary,omitempty"`
	Affected  []affected `json:"affected"`

	Database json.RawMessage `json:"database_specific"` // govulncheck fails without
}

type affected struct {
	Package struct {
		Name      string `json:"name"`
		Ecosystem string `json:"ecosystem"`
	} `json:"package"`
	Ranges   json.RawMessage `json:"ranges,omitempty"`
	Specific json.RawMessage `json:"ecosystem_specific,omitempty"`
}

// decodeEntry reads an entry and keeps what it says of these modules; ok is false if that is
// nothing.
func decodeEntry(b []byte, modules []string) (e entry, ok bool, err error) {
	if err := json.Unmarshal(b, &e); err != nil {
		return entry{}, false, err
	}
	if e.ID == "" || strings.ContainsAny(e.ID, "/\\") {
		return entry{}, false, fmt.Errorf("an entry is called %q", e.ID)
	}
	e.Affected = slices.DeleteFunc(e.Affected, func(a affected) bool { return !slices.Contains(modules, a.Package.Name) })
	return e, len(e.Affected) > 0 && e.Withdrawn == nil, nil
}

// lacks are those of the modules that the list says nothing of.
func (l *list) lacks(modules []string) (missing []string) {
	for _, m := range modules {
		if !slices.Contains(l.Modules, m) && !slices.Contains(missing, m) {
			missing = append(missing, m)
		}
	}
	return missing
}

// describe says what the list is worth now.
func (l *list) describe(now time.Time) string {
	age := now.Sub(l.Date)
	text := fmt.Sprintf("%d known vulnerabilities of %d modules, as of %s, %d days ago (%s)", len(l.entries), len(l.Modules), l.Date.Format(time.DateOnly), int(age.Hours()/24), l.From)
	if age > oldAge {
		text += "; what was found since is not in it: make vuln-refresh"
	}
	return text
}

func readList(path string) (*list, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l, err := decodeList(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

func decodeList(r io.Reader) (*list, error) {
	l := new(list)
	d := json.NewDecoder(r)
	if err := d.Decode(l); err != nil {
		return nil, err
	}
	for {
		var e entry
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(l.entries)+1, err)
		}
		l.entries = append(l.entries, e)
	}
	if l.Date.IsZero() || len(l.entries) == 0 {
		return nil, fmt.Errorf("of %v, with %d entries: that is no list", l.Date, len(l.entries))
	}
	return l, nil
}

// encode writes l as decodeList reads it, entries in the order of their names.
func (l *list) encode(w io.Writer) error {
	slices.SortFunc(l.entries, func(a, b entry) int { return strings.Compare(a.ID, b.ID) })
	out := bufio.NewWriter(w)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	err := e.Encode(l)
	for i := range l.entries {
		err = errors.Join(err, e.Encode(&l.entries[i]))
	}
	return errors.Join(err, out.Flush())
}

// write makes files of l that govulncheck takes for a database: one for each entry.
func (l *list) write(dir string) error {
	for i := range l.entries {
		var b bytes.Buffer
		if err := json.NewEncoder(&b).Encode(&l.entries[i]); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, l.entries[i].ID+".json"), b.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}
