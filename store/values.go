package store

// Value returns a copy of what SetValue kept under key, nil if that is nothing.
func (s *Store) Value(key string) []byte { return s.index.Value(key) }

// SetValue keeps a small value beside the tables, nil for none; durable on
// return, and in their backup.
func (s *Store) SetValue(key string, value []byte) error { return s.index.SetValue(key, value) }
