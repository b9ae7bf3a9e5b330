package store

// Value returns a copy of what SetValue kept under key, nil if that is nothing.
func (s *Store) Value(key string) []byte { return s.index.Value(key) }

// SetValue keeps a small value beside the tables, nil for none; durable on
// return, and in their backup.
func (s *Store) SetValue(key string, value []byte) error { return s.index.SetValue(key, value) }

// SetNotes keeps values that may be many and change often under their keys, nil for
// none: in one commit, durable on return, and in no backup. Where meta.db is made anew
// they are gone.
func (s *Store) SetNotes(notes map[string][]byte) error { return s.index.SetNotes(notes) }

// Notes returns copies of what SetNotes keeps, by key. Those that are damaged are left
// out.
func (s *Store) Notes() (map[string][]byte, error) { return s.index.Notes() }
