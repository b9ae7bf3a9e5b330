package remoting

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrField is wrapped by the error of a header field that is missing or is no
// number or boolean of the wanted kind.
var ErrField = errors.New("remoting: bad header field")

// A Field is one of a command's own header fields. On the wire every value is
// text, numbers and booleans too.
type Field struct{ Key, Value string }

// Fields are the header fields of a command ("extFields") in their order on the
// wire. Of a key that occurs twice, the last one counts. The strings of decoded
// fields share one allocation: who keeps one of them for long clones it.
type Fields []Field

// Lookup returns the value of key, and whether it is there at all.
func (f Fields) Lookup(key string) (string, bool) {
	for i := len(f) - 1; i >= 0; i-- {
		if f[i].Key == key {
			return f[i].Value, true
		}
	}
	return "", false
}

// Get returns the value of key, "" if there is none.
func (f Fields) Get(key string) string {
	v, _ := f.Lookup(key)
	return v
}

// Int32 returns the decimal number at key. It fails with ErrField if there is
// none or if it does not fit.
func (f Fields) Int32(key string) (int32, error) {
	v, err := f.integer(key, 32)
	return int32(v), err
}

// Int64 returns the decimal number at key. It fails with ErrField if there is
// none or if it does not fit.
func (f Fields) Int64(key string) (int64, error) { return f.integer(key, 64) }

// Int32Or is Int32, with def where key is missing or empty.
func (f Fields) Int32Or(key string, def int32) (int32, error) {
	if f.Get(key) == "" {
		return def, nil
	}
	return f.Int32(key)
}

// Int64Or is Int64, with def where key is missing or empty.
func (f Fields) Int64Or(key string, def int64) (int64, error) {
	if f.Get(key) == "" {
		return def, nil
	}
	return f.Int64(key)
}

// BoolOr returns the boolean at key, "true" or "false" in any mix of cases, or
// def where key is missing or empty. It fails with ErrField on anything else.
func (f Fields) BoolOr(key string, def bool) (bool, error) {
	switch v := f.Get(key); {
	case v == "":
		return def, nil
	case equalFold(v, "true"):
		return true, nil
	case equalFold(v, "false"):
		return false, nil
	default:
		return def, fmt.Errorf("%w: %s is %s, want true or false", ErrField, key, quoted(v))
	}
}

// Add appends a field. It does not look for key: adding one twice sends it twice.
func (f *Fields) Add(key, value string) { *f = append(*f, Field{key, value}) }

// AddInt appends a field that holds v in decimal.
func (f *Fields) AddInt(key string, v int64) { f.Add(key, strconv.FormatInt(v, 10)) }

func (f Fields) integer(key string, bits int) (int64, error) {
	s, ok := f.Lookup(key)
	if !ok {
		return 0, fmt.Errorf("%w: %s is missing", ErrField, key)
	}
	v, err := strconv.ParseInt(s, 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%w: %s is %s, want an integer of %d bits", ErrField, key, quoted(s), bits)
	}
	return v, nil
}

// quoted returns s for an error message: quoted, and cut if it is long.
func quoted(s string) string {
	const most = 64
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}

// equalFold compares s to lower, which is in lower case ASCII.
func equalFold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		if s[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}
