package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A key is one line that a configuration file may have.
type key struct {
	name string
	def  string // default, as a person would write it
	doc  string
	ours bool // not one of RocketMQ's
	live bool // SIGHUP applies a change
	// online: request 25 (updateBrokerConfig) applies a change.
	online bool
	use    Use // NoPath: the value names nothing in the file system
	set    func(*Config, string) error
	value  func(*Config) string
}

func str(name, def, doc string, p func(*Config) *string, allowed ...string) key {
	return key{name: name, def: def, doc: doc,
		set: func(c *Config, v string) error {
			if len(allowed) > 0 && !contains(allowed, v) {
				return fmt.Errorf("is %q; want one of %s", v, strings.Join(allowed, ", "))
			}
			*p(c) = v
			return nil
		},
		value: func(c *Config) string { return *p(c) },
	}
}

func boolean(name, def, doc string, p func(*Config) *bool) key {
	return key{name: name, def: def, doc: doc,
		set: func(c *Config, v string) error {
			b, err := strconv.ParseBool(strings.ToLower(v))
			if err != nil {
				return fmt.Errorf("is %q; want true or false", v)
			}
			*p(c) = b
			return nil
		},
		value: func(c *Config) string { return strconv.FormatBool(*p(c)) },
	}
}

func number[T int | int64](name, def, doc string, p func(*Config) *T, lo, hi int64) key {
	return key{name: name, def: def, doc: doc,
		set: func(c *Config, v string) error {
			n, err := parseSize(v)
			if err != nil {
				return err
			}
			if n < lo || n > hi {
				return fmt.Errorf("is %d; want %d to %d", n, lo, hi)
			}
			*p(c) = T(n)
			return nil
		},
		value: func(c *Config) string { return strconv.FormatInt(int64(*p(c)), 10) },
	}
}

// duration is a key whose bare number counts unit, as RocketMQ's own file
// does, and which also takes 500ms, 5s, 72h.
func duration(name, def, doc string, unit time.Duration, p func(*Config) *time.Duration, lo, hi time.Duration) key {
	return key{name: name, def: def, doc: doc,
		set: func(c *Config, v string) error {
			d, err := parseDuration(v, unit)
			if err != nil {
				return err
			}
			if d < lo || d > hi {
				return fmt.Errorf("is %v; want %v to %v", d, lo, hi)
			}
			*p(c) = d
			return nil
		},
		value: func(c *Config) string {
			if *p(c)%unit != 0 {
				return p(c).String()
			}
			return strconv.FormatInt(int64(*p(c)/unit), 10)
		},
	}
}

func contains(list []string, v string) bool {
	for _, s := range list {
		if s == v {
			return true
		}
	}
	return false
}

// parseSize reads a count or a size in bytes: 4096, 64k, 64m, 1g (powers of
// 1024).
func parseSize(v string) (int64, error) {
	digits, shift := v, 0
	switch {
	case v == "":
		return 0, fmt.Errorf("is empty; want a number")
	case strings.ContainsAny(v[len(v)-1:], "kK"):
		digits, shift = v[:len(v)-1], 10
	case strings.ContainsAny(v[len(v)-1:], "mM"):
		digits, shift = v[:len(v)-1], 20
	case strings.ContainsAny(v[len(v)-1:], "gG"):
		digits, shift = v[:len(v)-1], 30
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("is %q; want a number such as 4096, 64k or 64m", v)
	}
	if n<<shift>>shift != n {
		return 0, fmt.Errorf("is %q: too large", v)
	}
	return n << shift, nil
}

func parseDuration(v string, unit time.Duration) (time.Duration, error) {
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		if n > int64(1<<62)/int64(unit) || n < -int64(1<<62)/int64(unit) {
			return 0, fmt.Errorf("is %q: too large", v)
		}
		return time.Duration(n) * unit, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, fmt.Errorf("is %q; want a number of %v, or a duration such as 500ms, 5s, 72h", v, unit)
	}
	return d, nil
}
