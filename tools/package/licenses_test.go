package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLicensesAreTold(t *testing.T) {
	mit := "Permission is hereby granted, free of charge, to any person obtaining a copy\n of this software and associated documentation files (the \"Software\")"
	bsd := "Redistribution and use in source and binary forms, with or without\nmodification, are permitted"
	for _, tt := range []struct {
		name, text, want string
	}{
		{"MIT", mit, "MIT"},
		{"BSD of two", bsd, "BSD-2-Clause"},
		{"BSD of three", bsd + " * Neither the name of Google Inc. nor", "BSD-3-Clause"},
		{"Apache", "Apache License\n   Version 2.0, January 2004", "Apache-2.0"},
		{"ISC", "Permission to use, copy, modify, and/or distribute this software for any\npurpose with or without fee is hereby granted", "ISC"},
		{"MPL, which names the GPL", "Mozilla Public License Version 2.0 ... the GNU General Public License, Version 2.0", "MPL-2.0"},
		{"two in one", mit + bsd, "BSD-2-Clause MIT"},
		{"GPL", "GNU GENERAL PUBLIC LICENSE Version 3", ""},
		{"MIT, part of it GPL", mit + " parts are under the GNU General Public License", ""},
		{"LGPL", "GNU LESSER GENERAL PUBLIC LICENSE", ""},
		{"Apache with a clause", "Apache License Version 2.0, January 2004, with the Commons Clause", ""},
		{"BSD of four", bsd + " All advertising materials mentioning features", ""},
		{"SSPL", "Server Side Public License VERSION 1", ""},
		{"something", "All rights reserved.", ""},
		{"nothing", "", ""},
	} {
		got, err := licenses(tt.text)
		if strings.Join(got, " ") != tt.want || (err != nil) != (tt.want == "") || err != nil && !errors.Is(err, errLicense) {
			t.Errorf("%s: %v, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

// licensesFile lists the licenses of what the programs are linked from. PAIRMQ_WRITE=1 writes it anew.
const licensesFile = "testdata/licenses.txt"

// TestTheProgramsMayBeHandedOn goes through the modules that tools/budget says are linked, and
// demands that no package in one has a license of its own beside the one of its module.
func TestTheProgramsMayBeHandedOn(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{args: args{root: root}}
	list, err := os.ReadFile("../budget/testdata/modules.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{stdlib}
	for line := range strings.Lines(string(list)) {
		_, module, _ := strings.Cut(strings.TrimSpace(line), " ")
		names = append(names, module)
	}
	slices.Sort(names)
	var lines []string
	for _, name := range slices.Compact(names) {
		text, which, err := b.licensed(linked{path: name})
		if err != nil {
			t.Errorf("%v", err)
		}
		if len(text) < 500 {
			t.Errorf("%s: the text of its license has %d bytes", name, len(text))
		}
		lines = append(lines, name+" "+strings.Join(which, " "))
	}
	got := strings.Join(lines, "\n") + "\n"
	if os.Getenv("PAIRMQ_WRITE") != "" {
		if err := os.WriteFile(licensesFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(licensesFile)
	if err != nil || got != string(want) {
		t.Errorf("%v; licenses are\n%swant\n%s(PAIRMQ_WRITE=1 writes them anew)", err, got, want)
	}
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{$.Dir}} {{.Dir}}{{end}}{{end}}", "./daemon", "./tools/ctl")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		dir, module, _ := strings.Cut(strings.TrimSpace(line), " ")
		for n++; dir != module && strings.HasPrefix(dir, module); dir = filepath.Dir(dir) {
			if text, err := license(dir); err == nil {
				t.Errorf("%s has a license of its own, which no notice has: %.200s", dir, text)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d packages of others, want 10 and more", n)
	}
}
