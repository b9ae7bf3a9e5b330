package nameserver

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// orderNamespace holds, by topic, "brokerName:queues;brokerName:queues": where
// the queues of an ordered topic stay even while a broker is away.
const orderNamespace = "ORDER_TOPIC_CONFIG"

// maxValue bounds one setting's value, in bytes.
const maxValue = 8 << 10

var (
	errKVFull  = errors.New("too many settings")
	errKVValue = errors.New("bad value")
)

// kvTable holds a KV that is never changed, only replaced, so that it is read
// without a lock.
type kvTable struct {
	current atomic.Pointer[KV]
	mu      sync.Mutex // held by who replaces it
	save    func(KV) error
	max     int
}

func (t *kvTable) load() KV { return *t.current.Load() }

// put fails with errName, errKVValue, errKVFull, or as save does; then nothing
// has changed.
func (t *kvTable) put(namespace, key, value string) error {
	if err := errors.Join(checkName("namespace", namespace), checkName("key", key)); err != nil {
		return err
	}
	if len(value) > maxValue || !utf8.ValidString(value) {
		return fmt.Errorf("%w: %d bytes, at most %d of UTF-8 are allowed", errKVValue, len(value), maxValue)
	}
	return t.change(namespace, func(settings map[string]string) { settings[key] = value })
}

// remove fails as save does; then nothing has changed.
func (t *kvTable) remove(namespace, key string) error {
	if _, ok := t.load()[namespace][key]; !ok || namespace == tuned {
		return nil
	}
	return t.change(namespace, func(settings map[string]string) { delete(settings, key) })
}

func (t *kvTable) change(namespace string, edit func(map[string]string)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := maps.Clone(t.load())
	settings := maps.Clone(next[namespace])
	if settings == nil {
		settings = make(map[string]string)
	}
	edit(settings)
	next[namespace] = settings
	if len(settings) == 0 {
		delete(next, namespace)
	}
	if n := next.size(); n > t.max && n > t.load().size() {
		return fmt.Errorf("%w: at most %d are allowed", errKVFull, t.max)
	}
	if t.save != nil {
		if err := t.save(next); err != nil {
			return err
		}
	}
	t.current.Store(&next)
	return nil
}

func (kv KV) size() int {
	n := 0
	for _, settings := range kv {
		n += len(settings)
	}
	return n
}
