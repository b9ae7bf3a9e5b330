package store

import "sync"

// puts recycles the state of Put, so that a send allocates none.
type puts struct{ pool sync.Pool }

func (p *puts) get() *put {
	if v, ok := p.pool.Get().(*put); ok {
		return v
	}
	return new(put)
}

// put forgets everything but the memory of entries.
func (p *puts) put(v *put) {
	clear(v.entries)
	*v = put{entries: shrink(v.entries)}
	p.pool.Put(v)
}
