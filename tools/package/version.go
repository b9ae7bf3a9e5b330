package main

import (
	"fmt"
	"regexp"
	"strings"
)

// packageVersion makes of what git describe prints a version that deb and rpm
// order as git does: a tag 1.2.3, then 1.2.3+5.gHASH five commits later; before
// the first tag, 0.0.0+COMMITS.gHASH. Changes that are not committed end it with .dirty.
func packageVersion(describe string, commits int) (string, error) {
	clean, dirty := strings.CutSuffix(describe, "-dirty")
	tag := regexp.MustCompile(`^v?(\d+\.\d+\.\d+)(?:-([a-z][a-z0-9.]*))?(?:-(\d+)-(g[0-9a-f]+))?$`).FindStringSubmatch(clean)
	var version string
	switch {
	case tag != nil:
		version = tag[1]
		if tag[2] != "" {
			version += "~" + tag[2]
		}
		if tag[3] != "" {
			version += "+" + tag[3] + "." + tag[4]
		}
	case regexp.MustCompile(`^[0-9a-f]{7,40}$`).MatchString(clean):
		version = fmt.Sprintf("0.0.0+%d.g%s", commits, clean)
	default:
		return "", fmt.Errorf("version %q is neither a tag such as v1.2.3 nor a commit; name one with VERSION=v1.2.3", describe)
	}
	switch {
	case dirty && strings.Contains(version, "+"):
		version += ".dirty"
	case dirty:
		version += "+dirty"
	}
	return version, nil
}
