package nameserver

import (
	"strconv"
	"strings"
	"time"

	"pairmq/internal/remoting"
)

// A tuning is what of Options request 318 may change, and nothing else: no path, no port, nothing that makes a name
// server write, run or ask anything else. Nobody changes one.
type tuning [3]int64

const (
	orderMessages = iota // 0 or 1
	deleteMissing
	scanMillis
)

// What scanMillis may be: brokers are silent for longer than that before they are dropped.
const minScan, maxScan = 1000, 60_000

// tunable is RocketMQ's key of a value.
func tunable(i int) string {
	return [...]string{"orderMessageEnable", "deleteTopicWithBrokerRegistration", "scanNotActiveBrokerInterval"}[i]
}

func (t *tuning) text(i int) string {
	if i == scanMillis {
		return strconv.FormatInt(t[i], 10)
	}
	return strconv.FormatBool(t[i] != 0)
}

func (t *tuning) scan() time.Duration { return time.Duration(t[scanMillis]) * time.Millisecond }

// set gives a key a value. It says whether that is a key of a tuning, and whether the value is good.
func (t *tuning) set(key, value string) (known, good bool) {
	for i := range t {
		if tunable(i) != key {
			continue
		}
		n, _ := strconv.Atoi(value) // 0 is not good
		switch {
		case i == scanMillis && n >= minScan && n <= maxScan:
			t[i] = int64(n)
		case i != scanMillis && value == "true":
			t[i] = 1
		case i != scanMillis && value == "false":
			t[i] = 0
		default:
			return true, false
		}
		return true, true
	}
	return false, false
}

// tuned is the namespace of the settings in which is kept what 318 has changed; no client's may be called so. By key
// it has the value and, behind a blank, the one of the files then: a change counts until the files say something else,
// which is what a person wanted later.
const tuned = ""

// keep puts what t has other than files into a namespace.
func (t *tuning) keep(settings map[string]string, files *tuning) {
	clear(settings)
	for i := range t {
		if t[i] != files[i] {
			settings[tunable(i)] = t.text(i) + " " + files.text(i)
		}
	}
}

// recall has the server go by its options, with what was kept in all laid over them. What counts no more is taken out,
// and that is saved: else files that are as they were again would have it back.
func (s *Server) recall(all KV) {
	s.files[scanMillis] = s.opts.ScanInterval.Milliseconds()
	if s.opts.OrderMessages {
		s.files[orderMessages] = 1
	}
	if s.opts.DeleteMissing {
		s.files[deleteMissing] = 1
	}
	t, kept := s.files, all[tuned]
	for i := range t {
		if value, file, _ := strings.Cut(kept[tunable(i)], " "); file == t.text(i) {
			t.set(tunable(i), value)
		}
	}
	if len(kept) > 0 {
		t.keep(kept, &s.files)
		s.routes.changed = true
		s.opts.Log.Warn("updateNamesrvConfig has changed the configuration; what the file has for these keys does not count", "changed", kept)
	}
	s.use(&t)
}

// use has the server go by t from now on. Each route is encoded anew: the order settings may be in it, or not.
func (s *Server) use(t *tuning) {
	s.tuning.Store(t)
	r := s.routes
	r.mu.Lock()
	r.deleteMissing = t[deleteMissing] != 0
	clear(r.encoded)
	r.kept = 0
	r.mu.Unlock()
	select {
	case s.retuned <- struct{}{}:
	default:
	}
}

// config serves 319.
func (s *Server) config() remoting.Response {
	var b []byte
	t := s.tuning.Load()
	for i := range t {
		b = append(append(append(append(b, tunable(i)...), '='), t.text(i)...), '\n')
	}
	return remoting.Response{Code: remoting.RespSuccess, Body: b, Release: nothing}
}

// maxChange bounds the body of 318, in bytes.
const maxChange = 4 << 10

// updateConfig serves 318, whose body has lines key=value: all of them count or, with NO_PERMISSION for a key that
// nobody changes so, none. What it changes is saved before it counts.
func (s *Server) updateConfig(c *remoting.Command) remoting.Response {
	s.tuner.Lock()
	defer s.tuner.Unlock()
	next, named := *s.tuning.Load(), false
	if len(c.Body) <= maxChange {
		for line, rest, more := "", string(c.Body), true; more; {
			line, rest, more = strings.Cut(rest, "\n")
			key, value, _ := strings.Cut(line, "=")
			if key = strings.TrimSpace(key); key == "" && value == "" {
				continue
			}
			known, good := next.set(key, strings.TrimSpace(value))
			if !known {
				return refuse(remoting.RespNoPermission, "this name server's configuration is set in its file and cannot be updated, but for three keys")
			}
			if named = good; !good {
				break
			}
		}
	}
	if !named {
		return refuse(remoting.RespInvalidParameter, "not changed: a key is true or false, and scanNotActiveBrokerInterval 1000 to 60000 ms")
	}
	if err := s.kv.change(tuned, func(settings map[string]string) { next.keep(settings, &s.files) }); err != nil {
		return failed(err)
	}
	s.use(&next)
	s.said.Log("configuration changed by updateNamesrvConfig")
	return success()
}
