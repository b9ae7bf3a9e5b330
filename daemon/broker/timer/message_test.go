package timer

import (
	"errors"
	"testing"

	"pairmq/store/record"
)

func TestDefer(t *testing.T) {
	const now = 1_795_404_333_612
	for _, test := range []struct {
		name, props string
		out         string // TIMER_OUT_MS, "" if it does not wait
		err         error
	}{
		{"seconds", "TIMER_DELAY_SEC\x0110", "1795404343600", nil},
		{"ms", "TIMER_DELAY_MS\x011500", "1795404335100", nil},
		{"a time", "TIMER_DELIVER_MS\x011795404340000", "1795404339900", nil}, // a multiple is moved one unit earlier
		{"seconds count first", "TIMER_DELIVER_MS\x011795404340000\x02TIMER_DELAY_MS\x015\x02TIMER_DELAY_SEC\x011", "1795404334600", nil},
		{"minus one", "TIMER_DELAY_MS\x01-1", "", nil},
		{"nothing", "TIMER_DELAY_SEC\x010", "", nil},
		{"past", "TIMER_DELIVER_MS\x011", "", nil},
		{"far past", "TIMER_DELIVER_MS\x01-9223372036854775808", "", nil},
		{"far below", "TIMER_DELAY_SEC\x01-9223372036854775808", "", nil},
		{"three days", "TIMER_DELAY_SEC\x01259200", "1795663533600", nil},
		{"and a bit", "TIMER_DELAY_MS\x01259200001", "", ErrTime},
		{"a thousand years", "TIMER_DELAY_SEC\x0131536000000", "", ErrTime},
		{"the end of time", "TIMER_DELIVER_MS\x019223372036854775807", "", ErrTime},
		{"overflow", "TIMER_DELAY_SEC\x019223372036854775807", "", ErrTime},
		{"no number", "TIMER_DELAY_SEC\x01soon", "", ErrTime},
	} {
		m := record.Message{Topic: "T", QueueID: 3, Properties: test.props}
		waits, err := Defer(&m, now, threeDays, 100)
		if !errors.Is(err, test.err) || waits != (test.out != "") {
			t.Errorf("%s: waits %v, %v", test.name, waits, err)
			continue
		}
		if !waits {
			if m.Topic != "T" || m.Properties != test.props {
				t.Errorf("%s: changed to %+v", test.name, m)
			}
			continue
		}
		want := test.props + "\x02TIMER_OUT_MS\x01" + test.out + "\x02REAL_TOPIC\x01T\x02REAL_QID\x013"
		if m.Topic != Topic || m.QueueID != 0 || m.Properties != want && m.Properties != want+"\x02" {
			t.Errorf("%s: %s/%d %q, want %q", test.name, m.Topic, m.QueueID, m.Properties, want)
		}
	}
}

func FuzzDefer(f *testing.F) {
	f.Add("TIMER_DELAY_SEC\x0110", int64(1_795_404_333_612))
	f.Add("TIMER_DELIVER_MS\x019223372036854775807", int64(-5))
	f.Fuzz(func(t *testing.T, props string, now int64) {
		now %= 1 << 43
		m := record.Message{Topic: "T", Properties: props}
		if waits, err := Defer(&m, now, threeDays, 100); err != nil && (waits || m.Topic != "T" || m.Properties != props) {
			t.Errorf("%q is refused and changed to %+v", props, m)
		}
	})
}
