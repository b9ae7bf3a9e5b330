package nameserver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"pairmq/internal/remoting"
)

// A tuning is what of Options request 318 may change. Nobody changes one.
type tuning struct {
	orderMessages bool
	deleteMissing bool
	scan          time.Duration
}

// A tunable is one value of a tuning under RocketMQ's name. There are no others: no path, no port, nothing that makes
// a name server write, run or ask anything else.
type tunable struct {
	key string
	get func(*tuning) string
	set func(*tuning, string) error
}

func tunables() [3]tunable {
	return [...]tunable{
		flag("orderMessageEnable", func(t *tuning) *bool { return &t.orderMessages }),
		flag("deleteTopicWithBrokerRegistration", func(t *tuning) *bool { return &t.deleteMissing }),
		{"scanNotActiveBrokerInterval",
			func(t *tuning) string { return strconv.FormatInt(t.scan.Milliseconds(), 10) },
			func(t *tuning, value string) error {
				ms, err := strconv.ParseInt(value, 10, 64)
				if err != nil || ms < minScan || ms > maxScan {
					return fmt.Errorf("is %.64q, want %d to %d ms", value, minScan, maxScan)
				}
				t.scan = time.Duration(ms) * time.Millisecond
				return nil
			}},
	}
}

// What scanNotActiveBrokerInterval may be: brokers are silent for longer than that before they are dropped.
const minScan, maxScan = 1000, 60_000 // ms

func flag(key string, of func(*tuning) *bool) tunable {
	return tunable{key,
		func(t *tuning) string { return strconv.FormatBool(*of(t)) },
		func(t *tuning, value string) error {
			if value != "true" && value != "false" {
				return fmt.Errorf("is %.64q, want true or false", value)
			}
			*of(t) = value == "true"
			return nil
		}}
}

// maxChange bounds the body of 318, in bytes.
const maxChange = 4 << 10

var (
	errChange = errors.New("not changed")
	errFixed  = errors.New("this name server's configuration is set in its file")
)

// change is t with the lines of text, key=value, laid over it: all of them or, with errFixed for a key that nobody
// changes so and errChange for what is wrong else, none.
func (t tuning) change(text []byte) (tuning, error) {
	if len(text) > maxChange {
		return t, fmt.Errorf("%w: %d bytes, at most %d are read", errChange, len(text), maxChange)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		all := tunables()
		i := slices.IndexFunc(all[:], func(k tunable) bool { return k.key == key })
		if i < 0 {
			return t, fmt.Errorf("%w, and %.64q cannot be updated", errFixed, key)
		}
		if seen[key] {
			return t, fmt.Errorf("%w: %s is there twice", errChange, key)
		}
		seen[key] = true
		if err := all[i].set(&t, value); err != nil {
			return t, fmt.Errorf("%w: %s %w", errChange, key, err)
		}
	}
	if len(seen) == 0 {
		return t, fmt.Errorf("%w: no key is named", errChange)
	}
	return t, nil
}

// What is kept of a changed key: its value, and what the files said then. It counts until the files say something else,
// which is what a person wanted later.
const keptValue, keptFile = "value", "file"

// changes is what is kept of t, where it is other than the files.
func (t tuning) changes(files *tuning) KV {
	kept := KV{}
	for _, k := range tunables() {
		if now, file := k.get(&t), k.get(files); now != file {
			kept[k.key] = map[string]string{keptValue: now, keptFile: file}
		}
	}
	return kept
}

// over is files with what was kept laid over it, and the keys of that which count no more.
func (kept KV) over(files tuning) (t tuning, dropped []string) {
	t = files
	all := tunables()
	for _, key := range slices.Sorted(maps.Keys(kept)) {
		i := slices.IndexFunc(all[:], func(k tunable) bool { return k.key == key })
		if i < 0 || all[i].get(&files) != kept[key][keptFile] || all[i].set(&t, kept[key][keptValue]) != nil {
			dropped = append(dropped, key)
		}
	}
	return t, dropped
}

// text is t as getNamesrvConfig shows it.
func (t tuning) text() string {
	var b strings.Builder
	for _, k := range tunables() {
		fmt.Fprintf(&b, "%s=%s\n", k.key, k.get(&t))
	}
	return b.String()
}

// use has the server go by t from now on.
func (s *Server) use(t tuning) {
	s.tuning.Store(&t)
	s.routes.retune(t.deleteMissing)
	select {
	case s.retuned <- struct{}{}:
	default:
	}
}

// retune makes every route be encoded anew: the order settings may be in it, or not.
func (r *routes) retune(deleteMissing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deleteMissing = deleteMissing
	clear(r.encoded)
	r.kept = 0
}

// config serves 319.
func (s *Server) config() remoting.Response {
	return remoting.Response{Code: remoting.RespSuccess, Body: []byte(s.tuning.Load().text()), Release: nothing}
}

// updateConfig serves 318. What it changes is saved before it counts.
func (s *Server) updateConfig(c *remoting.Command) remoting.Response {
	s.kv.mu.Lock()
	defer s.kv.mu.Unlock()
	next, err := s.tuning.Load().change(c.Body)
	switch {
	case errors.Is(err, errFixed):
		return refuse(remoting.RespNoPermission, err.Error())
	case err != nil:
		return refuse(remoting.RespInvalidParameter, err.Error())
	}
	before := s.changed
	s.changed = next.changes(&s.files)
	if s.kv.save != nil {
		if err := s.kv.save(s.kv.load()); err != nil {
			s.changed = before
			return failed(err)
		}
	}
	s.use(next)
	s.said.Log("configuration changed by updateNamesrvConfig", "now", strings.ReplaceAll(strings.TrimSpace(next.text()), "\n", " "))
	return success()
}
