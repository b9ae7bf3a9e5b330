package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// errLicense: something may not be linked into what is handed on, or nobody knows.
var errLicense = errors.New("the license is none of those that are allowed")

// allowedLicenses are those whose programs may be handed on with their text beside them and
// nothing else, as SPDX calls them. MPL-2.0 asks for the source of its own files, which is
// public: it may be linked unchanged.
func allowedLicenses() []string {
	return []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}
}

// licenses are what a text is, in the order of their names. It fails with errLicense for one
// that is not allowed, or that it does not know.
func licenses(text string) (all []string, err error) {
	said := " " + strings.Join(strings.Fields(strings.ToLower(text)), " ") + " "
	has := func(phrase string) bool { return strings.Contains(said, phrase) }
	if has("apache license") && has("version 2.0, january 2004") {
		all = append(all, "Apache-2.0")
	}
	if has("redistribution and use in source and binary forms") {
		if has("neither the name") || has("the names of its contributors may not") {
			all = append(all, "BSD-3-Clause")
		} else {
			all = append(all, "BSD-2-Clause")
		}
	}
	if has("permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted") {
		all = append(all, "ISC")
	}
	if has("permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files") {
		all = append(all, "MIT")
	}
	if has("mozilla public license") && has("version 2.0") {
		all = append(all, "MPL-2.0")
	}
	for phrase, name := range map[string]string{
		"gnu general public license": "GPL", "gnu lesser general public license": "LGPL", "gnu affero": "AGPL", "server side public license": "SSPL-1.0",
		"business source license": "BUSL-1.1", "commons clause": "Commons Clause", "eclipse public license": "EPL", "creative commons": "CC",
		"advertising materials mentioning": "BSD-4-Clause", "common development and distribution license": "CDDL",
	} {
		mentioned := strings.HasPrefix(phrase, "gnu") && slices.Contains(all, "MPL-2.0") // as one that it goes with
		if has(phrase) && !mentioned {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: it begins %.60q", errLicense, strings.TrimSpace(said))
	}
	for _, l := range all {
		if !slices.Contains(allowedLicenses(), l) {
			return nil, fmt.Errorf("%w: %s", errLicense, l)
		}
	}
	return all, nil
}
