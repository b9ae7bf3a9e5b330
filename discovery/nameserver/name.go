package nameserver

import (
	"errors"
	"fmt"
)

// maxName bounds the names of clusters, brokers, topics and settings, in bytes;
// the longest in use are retry topics of 5.x.
const maxName = 255

var errName = errors.New("bad name")

// checkName refuses what no peer calls a cluster, broker, topic or setting: the
// characters of topics and, for those named after hosts, dots, though none in
// front.
func checkName(what, name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("%w: %s has %d bytes, 1 to %d are allowed", errName, what, len(name), maxName)
	}
	for i := range len(name) {
		c := name[i]
		ok := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '_' || c == '-' || c == '%' || c == '|' || c == '.' && i > 0
		if !ok {
			return fmt.Errorf("%w: %s %q has %q at byte %d", errName, what, name, c, i)
		}
	}
	return nil
}
