package config

import (
	"fmt"
	"strconv"
	"strings"
)

// A QuotaRule says how much of the commit log may be some topics'.
type QuotaRule struct {
	Topic  string // or what their names begin with
	Prefix bool   // the latter
	Bytes  int64  // of each of them
}

// leastQuota is the smallest quota, in bytes: it is meant to end what runs wild,
// not to have ordinary traffic refused.
const leastQuota = 64 << 10

func (r QuotaRule) matches(topic string) bool {
	return r.Topic == topic || r.Prefix && strings.HasPrefix(topic, r.Topic)
}

// Quota is how many bytes of the log a topic may have, 0 for no limit: what the
// first rule of topicMaxBytes that fits says.
func (c *Config) Quota(topic string) int64 {
	for _, r := range c.TopicQuota {
		if r.matches(topic) {
			return r.Bytes
		}
	}
	return 0
}

func topicQuotaKey() key {
	return key{name: "topicMaxBytes", ours: true,
		doc: "topics that may have only so many bytes of the log, each of them, as in Telemetry:256m;Debug*:128m, the first that fits: with more, their producers are refused until old segments are given back; at least two segments of mappedFileSizeCommitLog",
		set: func(c *Config, v string) error {
			rules, err := parseTopicQuota(v)
			if err == nil {
				c.TopicQuota = rules
			}
			return err
		},
		value: func(c *Config) string {
			var all []string
			for _, r := range c.TopicQuota {
				all = append(all, r.text())
			}
			return strings.Join(all, ";")
		},
	}
}

func (r QuotaRule) text() string {
	name := r.Topic
	if r.Prefix {
		name += "*"
	}
	return name + ":" + strconv.FormatInt(r.Bytes, 10)
}

func parseTopicQuota(v string) (rules []QuotaRule, err error) {
	for item := range strings.SplitSeq(v, ";") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, size, ok := strings.Cut(item, ":")
		r := QuotaRule{Topic: strings.TrimSpace(name)}
		r.Topic, r.Prefix = strings.CutSuffix(r.Topic, "*")
		if !ok || r.Topic == "" && !r.Prefix || strings.Contains(r.Topic, "*") {
			return nil, fmt.Errorf("has %q; want the name of a topic or its beginning and *, a colon, and bytes such as 256m", item)
		}
		r.Bytes, err = parseSize(strings.TrimSpace(size))
		if err != nil {
			return nil, fmt.Errorf("for %s %w", name, err)
		}
		if r.Bytes < leastQuota {
			return nil, fmt.Errorf("has %d bytes for %s; want at least %d", r.Bytes, name, leastQuota)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// smallQuotas names quotas with which a topic may be refused for long: segments
// are given back whole, but never the one that is written to. A topic with two of
// them has always filled one.
func smallQuotas(c *Config) (notes []string) {
	for _, r := range c.TopicQuota {
		if r.Bytes < 2*c.SegmentSize {
			notes = append(notes, fmt.Sprintf("topicMaxBytes has %s, which is less than two segments of mappedFileSizeCommitLog (%d): once it is reached, that topic is refused until other topics have filled the segment it is in", r.text(), 2*c.SegmentSize))
		}
	}
	return notes
}
