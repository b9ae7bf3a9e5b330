package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// rocketDelays are RocketMQ's levels.
	rocketDelays   = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h"
	maxDelayLevels = 128
	longestDelay   = 365 * day
)

func delayLevelKey() key {
	return key{name: "messageDelayLevel", def: rocketDelays,
		doc: "delays of the levels that producers name by number, the first is level 1: numbers with s, m, h or d, separated by blanks; a pair must agree",
		set: func(c *Config, v string) error {
			levels, err := parseDelayLevels(v)
			if err == nil {
				c.DelayLevels = levels
			}
			return err
		},
		value: func(c *Config) string {
			var all []string
			for _, d := range c.DelayLevels {
				all = append(all, delayText(d))
			}
			return strings.Join(all, " ")
		},
	}
}

// delayText writes a delay in the greatest unit that has it whole.
func delayText(d time.Duration) string {
	for _, u := range [...]struct {
		name string
		unit time.Duration
	}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}} {
		if d > 0 && d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + "s"
}

// parseDelayLevels reads RocketMQ's form of the key.
func parseDelayLevels(v string) (levels []time.Duration, err error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': day}
	for word := range strings.FieldsSeq(v) {
		last := len(word) - 1
		n, err := strconv.ParseInt(word[:last], 10, 32)
		unit := units[word[last]]
		if err != nil || unit == 0 || n < 0 {
			return nil, fmt.Errorf("has %q; want a number and s, m, h or d, as in 30s", word)
		}
		if n > int64(longestDelay/unit) {
			return nil, fmt.Errorf("has %s; want at most %s", word, delayText(longestDelay))
		}
		levels = append(levels, time.Duration(n)*unit)
	}
	if len(levels) == 0 || len(levels) > maxDelayLevels {
		return nil, fmt.Errorf("has %d levels; want 1 to %d", len(levels), maxDelayLevels)
	}
	return levels, nil
}

// longDelays names a delay that outlasts the time for which messages are kept: what
// waits for so long is given back with its segment.
func longDelays(c *Config) (notes []string) {
	if longest := slices.Max(c.DelayLevels); longest >= c.FileReserved {
		notes = append(notes, fmt.Sprintf("messageDelayLevel has %s, and fileReservedTime is %v: a message that waits for so long may be given back with its segment before it is delivered", delayText(longest), c.FileReserved))
	}
	return notes
}
