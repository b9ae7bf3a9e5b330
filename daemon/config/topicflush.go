package config

import (
	"fmt"
	"strings"
	"time"
)

// lazyFlush is what `lazy` means: a topic's messages go to flash with whatever is
// written there next, and after this time at the latest.
const lazyFlush = 30 * time.Second

// A FlushRule says how soon messages of some topics are on flash.
type FlushRule struct {
	Topic  string        // or what their names begin with
	Prefix bool          // the latter
	Within time.Duration // after they were answered; 0: before that
}

func (r FlushRule) matches(topic string) bool {
	return r.Topic == topic || r.Prefix && strings.HasPrefix(topic, r.Topic)
}

// FlushWithin is how soon after their answer a topic's messages are on flash, 0
// for before it: what the first rule of topicFlush that fits says, or
// flushDiskType.
func (c *Config) FlushWithin(topic string) time.Duration {
	for _, r := range c.TopicFlush {
		if r.matches(topic) {
			return r.Within
		}
	}
	if c.SyncFlush {
		return 0
	}
	return c.FlushInterval
}

func topicFlushKey() key {
	return key{name: "topicFlush", ours: true,
		doc: "topics that flushDiskType does not hold for, as in Alarms:sync;Debug*:lazy;Telemetry:200ms, the first that fits: sync means OK when on flash, a time that it is so by then, lazy that it is with the next that is written, within 30 s",
		set: func(c *Config, v string) error {
			rules, err := parseTopicFlush(v)
			if err == nil {
				c.TopicFlush = rules
			}
			return err
		},
		value: func(c *Config) string {
			var all []string
			for _, r := range c.TopicFlush {
				all = append(all, r.text())
			}
			return strings.Join(all, ";")
		},
	}
}

func (r FlushRule) text() string {
	name, class := r.Topic, r.Within.String()
	if r.Prefix {
		name += "*"
	}
	switch r.Within {
	case 0:
		class = "sync"
	case lazyFlush:
		class = "lazy"
	}
	return name + ":" + class
}

func parseTopicFlush(v string) (rules []FlushRule, err error) {
	for item := range strings.SplitSeq(v, ";") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, class, ok := strings.Cut(item, ":")
		r := FlushRule{Topic: strings.TrimSpace(name)}
		r.Topic, r.Prefix = strings.CutSuffix(r.Topic, "*")
		if !ok || r.Topic == "" && !r.Prefix || strings.Contains(r.Topic, "*") {
			return nil, fmt.Errorf("has %q; want the name of a topic or its beginning and *, a colon, and sync, lazy or a time", item)
		}
		switch class = strings.TrimSpace(class); class {
		case "sync":
		case "lazy":
			r.Within = lazyFlush
		default:
			r.Within, err = time.ParseDuration(class)
			if err != nil || r.Within < time.Millisecond || r.Within > time.Minute {
				return nil, fmt.Errorf("has %q for %s; want sync, lazy or a time from 1ms to 1m", class, name)
			}
		}
		rules = append(rules, r)
	}
	return rules, nil
}
