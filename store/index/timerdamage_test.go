package index

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"go.etcd.io/bbolt"
)

// sampleTimers has both lanes hold timers of three slices, and some recalled.
func sampleTimers(t *testing.T, x *Index) {
	t.Helper()
	for commit := range int64(3) {
		c := TimerChange{State: TimerState{From: commit + 1, End: 10_000}}
		for lane := range TimerLanes {
			for i := range int64(30) {
				c.Add[lane] = append(c.Add[lane], Timer{i * timerSlice / 10, 1000*commit + 100*i + int64(lane)})
			}
		}
		c.Recalled = []int64{1000 * commit}
		if err := x.ChangeTimers(&c); err != nil {
			t.Fatal(err)
		}
	}
}

// timerEntries returns what the bucket of timers has.
func timerEntries(t *testing.T, x *Index) (keys, values [][]byte) {
	t.Helper()
	if err := x.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketTimers)).ForEach(func(k, v []byte) error {
			keys, values = append(keys, slices.Clone(k)), append(values, slices.Clone(v))
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return keys, values
}

// putRaw puts an entry in the place of another one.
func putRaw(t *testing.T, x *Index, old, key, value []byte) {
	t.Helper()
	if err := x.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucketTimers))
		return errors.Join(b.Delete(old), b.Put(key, value))
	}); err != nil {
		t.Fatal(err)
	}
}

// readTimers reads all that there is, as one does who begins.
func readTimers(x *Index) (s TimerState, all [TimerLanes][]Timer, recalled []int64, err error) {
	if s, err = x.TimerState(); err != nil {
		return s, all, nil, err
	}
	for lane := range TimerLanes {
		if all[lane], err = x.NextTimers(lane, Timer{}, 1000); err != nil {
			return s, all, nil, err
		}
	}
	recalled, err = x.RecalledTimers()
	return s, all, recalled, err
}

// TestABlockOfTimersIsDamaged: whoever meets it is told, the index goes on, and whoever
// begins after that is told too, however far away the block is.
func TestABlockOfTimersIsDamaged(t *testing.T) {
	for name, meet := range map[string]func(x *Index) error{
		"next":   func(x *Index) error { _, err := x.NextTimers(1, Timer{}, 1000); return err },
		"oldest": func(x *Index) error { _, err := x.OldestTimers(10); return err },
		"done": func(x *Index) error {
			return x.ChangeTimers(&TimerChange{Until: [TimerLanes]Timer{1: {10 * timerSlice, 0}}})
		},
		"void": func(x *Index) error { return x.ChangeTimers(&TimerChange{State: TimerState{Floor: 1}}) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			x := openOS(t, dir, nil)
			sampleTimers(t, x)
			keys, values := timerEntries(t, x)
			for i, key := range keys {
				if key[3] == 1 && (i+1 == len(keys) || keys[i+1][3] != 1) { // the last one of lane 1
					values[i][len(values[i])-1] ^= 1
					putRaw(t, x, key, key, values[i])
				}
			}
			if err := meet(x); !errors.Is(err, ErrDamaged) {
				t.Fatalf("a damaged block: %v, want ErrDamaged", err)
			}
			if err := x.SetValue("key", []byte("value")); err != nil {
				t.Errorf("the index does not go on: %v", err)
			}
			if first, err := x.NextTimers(1, Timer{}, 2); !errors.Is(err, ErrDamaged) {
				t.Errorf("who begins before it was forgotten is given %v, %v", first, err)
			}
			if err := x.ChangeTimers(&TimerChange{State: TimerState{From: 9}}); !errors.Is(err, ErrDamaged) {
				t.Errorf("who goes on before it was forgotten is told %v", err)
			}
			closeIndex(t, x)
			x = openOS(t, dir, nil)
			if s, err := x.TimerState(); !errors.Is(err, ErrDamaged) {
				t.Errorf("after a start the state is %+v, %v", s, err)
			}
			if err := x.ForgetTimers(); err != nil {
				t.Fatal(err)
			}
			if s, err := x.TimerState(); s != (TimerState{}) || err != nil {
				t.Errorf("forgotten, the state is %+v, %v", s, err)
			}
			sampleTimers(t, x)
			closeIndex(t, x)
		})
	}
}

// TestALaneOfTimersThatIsNone flips bits in keys that keep their place in the file all
// the same: the entries are not overlooked.
func TestALaneOfTimersThatIsNone(t *testing.T) {
	x := openOS(t, t.TempDir(), nil)
	sampleTimers(t, x)
	keys, values := timerEntries(t, x)
	for i, key := range keys[:len(keys)-1] { // the state is behind all
		for bit := range 32 {
			bad := slices.Clone(key)
			bad[bit/8] ^= 1 << (bit % 8)
			if i > 0 && bytes.Compare(bad, keys[i-1]) <= 0 || bytes.Compare(bad, keys[i+1]) >= 0 {
				continue // checkPages finds it
			}
			putRaw(t, x, key, bad, values[i])
			if _, all, recalled, err := readTimers(x); !errors.Is(err, ErrDamaged) {
				t.Errorf("%x in place of %x: %d and %d timers, %d recalled, %v", bad, key, len(all[0]), len(all[1]), len(recalled), err)
			}
			putAllRaw(t, x, keys, values)
		}
	}
	closeIndex(t, x)
}

// putAllRaw puts all entries back.
func putAllRaw(t *testing.T, x *Index, keys, values [][]byte) {
	t.Helper()
	if err := x.db.Update(func(tx *bbolt.Tx) error {
		err := tx.DeleteBucket([]byte(bucketTimers))
		b, berr := tx.CreateBucketIfNotExists([]byte(bucketTimers))
		for i := range keys {
			err = errors.Join(err, b.Put(keys[i], values[i]))
		}
		return errors.Join(err, berr)
	}); err != nil {
		t.Fatal(err)
	}
}
