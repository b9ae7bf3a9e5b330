package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Overrides are values that a running broker was told to go by, by key; see Change.
type Overrides map[string]Override

// An Override is what a key was set to, and what the files said then: it counts until
// the files say something else, for that is what a person wanted later.
type Override struct {
	Value string `json:"value"`
	File  string `json:"file"`
}

// ErrChange is wrapped by what is wrong with a change, each key and reason on a line.
var ErrChange = errors.New("not changed")

// Change is files with text laid over it, which has the lines of a file and may have
// only keys that can change while a broker serves, and with what was changed before.
// It returns that configuration and all that is other in it than in files. Either
// everything is good or it fails with ErrChange, all complaints at once.
func Change(files *Config, before Overrides, text []byte) (Config, Overrides, error) {
	if len(text) > maxFile {
		return Config{}, nil, fmt.Errorf("%w: the change has %d bytes, at most %d are read", ErrChange, len(text), maxFile)
	}
	wanted, err := parse("change", text)
	if err != nil {
		return Config{}, nil, fmt.Errorf("%w: %w", ErrChange, err)
	}
	if len(wanted) == 0 {
		return Config{}, nil, fmt.Errorf("%w: no key is named", ErrChange)
	}
	next, _ := before.Over(files)
	var errs []error
	for _, s := range wanted {
		if err := changeKey(&next, s); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 { // what fits together alone
		errs = validate(&next)
	}
	if err := errors.Join(errs...); err != nil {
		return Config{}, nil, fmt.Errorf("%w: %s", ErrChange, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	all := Overrides{}
	for _, k := range keys() {
		if now, file := k.value(&next), k.value(files); k.online && now != file {
			all[k.name] = Override{Value: now, File: file}
		}
	}
	return next, all, nil
}

// changeKey sets one key that can change while a broker serves.
func changeKey(c *Config, s setting) error {
	all := keys()
	i := slices.IndexFunc(all, func(k key) bool { return k.name == s.key })
	if i < 0 {
		if why, idle := without()[s.key]; idle {
			return fmt.Errorf("%s has no effect: %s", s.key, why)
		}
		return fmt.Errorf("unknown key %.100q; did you mean %q?", s.key, nearest(s.key[:min(len(s.key), 100)]))
	}
	k := all[i]
	if !k.online {
		return fmt.Errorf("%s cannot change while the broker runs: set it in the configuration file and restart; these can: %s", s.key, strings.Join(onlineKeys(), ", "))
	}
	if err := k.set(c, s.value); err != nil {
		return fmt.Errorf("%s %w", s.key, err)
	}
	return nil
}

// Over is files with what was changed laid over it, and the keys of those changes that
// count no more: the files have another value than they had then, or the value is
// not good any more.
func (o Overrides) Over(files *Config) (c Config, dropped []string) {
	c = *files
	known := map[string]key{}
	for _, k := range keys() {
		known[k.name] = k
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		k, was := known[name], c
		if !k.online || k.value(files) != o[name].File || changeKey(&c, setting{key: name, value: o[name].Value}) != nil || len(validate(&c)) > 0 {
			c, dropped = was, append(dropped, name)
		}
	}
	return c, dropped
}

// Without is o without these keys.
func (o Overrides) Without(names []string) Overrides {
	o = maps.Clone(o)
	for _, n := range names {
		delete(o, n)
	}
	return o
}

// String is what o changes, as key=value, for people.
func (o Overrides) String() string {
	all := make([]string, 0, len(o))
	for _, name := range slices.Sorted(maps.Keys(o)) {
		all = append(all, name+"="+o[name].Value)
	}
	return strings.Join(all, " ")
}

// AppendTo appends o as DecodeOverrides reads it: JSON.
func (o Overrides) AppendTo(dst []byte) ([]byte, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return dst, fmt.Errorf("config: %w", err)
	}
	return append(dst, b...), nil
}

// DecodeOverrides reads what AppendTo wrote; of nothing it makes none. It fails if b is
// none of that. What a key may be is looked at when it is laid over files.
func DecodeOverrides(b []byte) (Overrides, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var o Overrides
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, fmt.Errorf("config: what was changed while the broker ran is not understood: %w", err)
	}
	return o, nil
}

// onlineKeys are the keys that can change while a broker serves.
func onlineKeys() (names []string) {
	for _, k := range keys() {
		if k.online {
			names = append(names, k.name)
		}
	}
	return names
}
