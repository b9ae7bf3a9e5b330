package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// A tree is the files of a daemon's root, with what shows that one was written.
type tree map[string]string

// treeOf lists a root, without what the kernel shows in it and without state, where the
// daemon may write.
func treeOf(root string, state ...string) (tree, error) {
	t := tree{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if slices.Contains(append(state, kernels()...), rel) {
			return fs.SkipDir
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		t[rel] = info.Mode().String()
		if !e.IsDir() { // what is in a folder says for itself
			t[rel] += fmt.Sprintf(" %d %s", info.Size(), info.ModTime())
		}
		return nil
	})
	return t, err
}

// changed lists what is not as it was before.
func (t tree) changed(before tree) (all []string) {
	for name, now := range t {
		switch was, ok := before[name]; {
		case !ok:
			all = append(all, name+" has appeared")
		case was != now:
			all = append(all, name+" has changed")
		}
	}
	for name := range before {
		if _, ok := t[name]; !ok {
			all = append(all, name+" is gone")
		}
	}
	slices.SortFunc(all, strings.Compare)
	return all
}
