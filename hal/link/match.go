package link

import (
	"fmt"
	"path"
	"strings"
)

// ParseNames splits names of links and patterns of names, such as wwan0;ppp*, and fails
// with the one that is no pattern.
func ParseNames(text string) (names []string, err error) {
	for n := range strings.SplitSeq(text, ";") {
		if n = strings.TrimSpace(n); n == "" {
			continue
		}
		if _, err := path.Match(n, ""); err != nil || strings.ContainsAny(n, "/ ") {
			return nil, fmt.Errorf("link: %q is neither the name of a link nor a pattern of names, such as ppp*", n)
		}
		names = append(names, n)
	}
	return names, nil
}

// Among says whether a link is one of these names, or fits one that is a pattern.
func Among(names []string, link string) bool {
	for _, n := range names {
		if ok, err := path.Match(n, link); ok && err == nil {
			return true
		}
	}
	return false
}
