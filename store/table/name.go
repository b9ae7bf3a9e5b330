package table

import (
	"errors"
	"fmt"
	"strings"
)

// Name limits in bytes: a record stores a topic's length in one signed byte,
// and RocketMQ 4.x clients allow groups of 255.
const (
	MaxTopicName = 127
	MaxGroupName = 255
)

// Prefixes of the topics that RocketMQ makes for a group.
const (
	RetryPrefix = "%RETRY%"
	DLQPrefix   = "%DLQ%"
)

// ErrName is the cause of every refused topic or group name.
var ErrName = errors.New("table: bad name")

// CheckTopicName fails with ErrName unless RocketMQ allows name for a topic:
// 1 to 127 of A-Z, a-z, 0-9, '%', '|', '-' and '_'.
func CheckTopicName(name string) error { return checkName("topic", name, MaxTopicName) }

// CheckGroupName fails with ErrName unless RocketMQ allows name for a group:
// the same characters, up to 255.
func CheckGroupName(name string) error { return checkName("group", name, MaxGroupName) }

func checkName(what, name string, limit int) error {
	if strings.TrimSpace(name) == "" {
		return fmt.Errorf("%w: the %s is blank", ErrName, what)
	}
	if len(name) > limit {
		return fmt.Errorf("%w: the %s has %d bytes, at most %d are allowed", ErrName, what, len(name), limit)
	}
	for i := range len(name) {
		if c := name[i]; !allowed(c) {
			return fmt.Errorf("%w: the %s %q has %q at byte %d; letters, digits, %%, |, - and _ are allowed", ErrName, what, name, c, i)
		}
	}
	return nil
}

func allowed(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '%' || c == '|' || c == '-' || c == '_'
}
