package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"
)

// maxAnswer bounds in bytes what is read of a database at once.
const maxAnswer = 64 << 20

// refresh makes the list anew, for these modules.
func refresh(ctx context.Context, from string, modules []string, out io.Writer) error {
	modules = slices.Clone(modules)
	slices.Sort(modules)
	l := &list{Modules: slices.Compact(modules)}
	take := l.fromClone
	if strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://") {
		take = l.fromDatabase
	}
	if err := take(ctx, from); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	var b bytes.Buffer
	if err := l.encode(&b); err != nil {
		return err
	}
	if old, err := readList(listFile); err == nil && old.Date.After(l.Date) {
		return fmt.Errorf("%s is of %s, newer than %s's %s", listFile, old.Date.Format(time.DateOnly), from, l.Date.Format(time.DateOnly))
	}
	fmt.Fprintln(out, l.describe(time.Now()))
	return os.WriteFile(listFile, b.Bytes(), 0o644)
}

// add takes an entry if it is of the list's modules.
func (l *list) add(b []byte) error {
	e, ok, err := decodeEntry(b, l.Modules)
	if ok {
		l.entries = append(l.entries, e)
	}
	return err
}

// fromClone takes what the last commit of a clone of golang/vulndb has, which may be bare.
func (l *list) fromClone(ctx context.Context, dir string) error {
	said, err := exec.CommandContext(ctx, "git", "-C", dir, "log", "-1", "--format=%cI %h").Output()
	if err != nil {
		return err
	}
	date, commit, _ := strings.Cut(strings.TrimSpace(string(said)), " ")
	if l.Date, err = time.Parse(time.RFC3339, date); err != nil {
		return err
	}
	l.Date, l.From = l.Date.UTC(), "github.com/golang/vulndb "+commit
	files, err := exec.CommandContext(ctx, "git", "-C", dir, "archive", "HEAD", "data/osv").Output()
	if err != nil {
		return err
	}
	for r := tar.NewReader(bytes.NewReader(files)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if path.Ext(h.Name) != ".json" {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(r, maxAnswer))
		if err == nil {
			err = l.add(b)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// fromDatabase asks a database, as go.dev/security/vuln/database describes it.
func (l *list) fromDatabase(ctx context.Context, url string) error {
	url = strings.TrimSuffix(url, "/")
	var state struct{ Modified time.Time }
	if err := getJSON(ctx, url+"/index/db.json", &state); err != nil {
		return err
	}
	l.Date, l.From = state.Modified.UTC(), url
	var index []struct {
		Path  string
		Vulns []struct{ ID string }
	}
	if err := getJSON(ctx, url+"/index/modules.json", &index); err != nil {
		return err
	}
	var ids []string
	for _, m := range index {
		if slices.Contains(l.Modules, m.Path) {
			for _, v := range m.Vulns {
				ids = append(ids, v.ID)
			}
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		var b json.RawMessage
		if err := getJSON(ctx, url+"/ID/"+id+".json", &b); err != nil {
			return err
		}
		if err := l.add(b); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}

func getJSON(ctx context.Context, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(v); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}
