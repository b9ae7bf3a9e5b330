package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A moduleTree is a kernel's folder of modules. The file modules.dep, which would
// say who needs whom, is made when a kernel is installed; this one is not, so
// the modules themselves are asked.
type moduleTree struct {
	files   map[string]string // by name, with underscores
	builtin map[string]bool
}

func readTree(dir string) (moduleTree, error) {
	t := moduleTree{files: map[string]string{}, builtin: map[string]bool{}}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".ko") {
			t.files[moduleName(path)] = path
		}
		return err
	})
	if err != nil {
		return t, err
	}
	b, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return t, err
	}
	for _, line := range strings.Fields(string(b)) {
		t.builtin[moduleName(line)] = true
	}
	return t, nil
}

// moduleName is what dependencies call the module in a file.
func moduleName(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".ko"), "-", "_")
}

// order returns the files of modules and of all that they need, each behind
// what it needs.
func (t moduleTree) order(names []string) (files []string, err error) {
	done := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		name = moduleName(name)
		if done[name] || t.builtin[name] {
			return nil
		}
		done[name] = true
		file, ok := t.files[name]
		if !ok {
			return fmt.Errorf("%w: the kernel has no module %s", errUnable, name)
		}
		needs, err := dependenciesOf(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, n := range needs {
			if err := visit(n); err != nil {
				return err
			}
		}
		files = append(files, file)
		return nil
	}
	for _, n := range names {
		if err := visit(n); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// dependenciesOf reads the names of the modules that a module needs.
func dependenciesOf(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("there is no section .modinfo")
	}
	b, err := section.Data()
	if err != nil {
		return nil, err
	}
	return parseModinfo(b), nil
}

// parseModinfo returns what the line depends= of a .modinfo section lists.
func parseModinfo(b []byte) (needs []string) {
	for line := range bytes.SplitSeq(b, []byte{0}) {
		if list, ok := bytes.CutPrefix(line, []byte("depends=")); ok && len(list) > 0 {
			needs = append(needs, strings.Split(string(list), ",")...)
		}
	}
	return needs
}
