package store

import (
	"pairmq/store/index"
	"pairmq/store/record"
)

// A gatherer makes what the index remembers of records, many of them without making
// garbage.
type gatherer struct {
	topics  map[string]string // one copy of each name
	records []index.Record    // since the last reset
	keys    []uint32          // of those
}

func newGatherer() *gatherer { return &gatherer{topics: map[string]string{}} }

// add adds a record; nothing of it is kept.
func (g *gatherer) add(v *record.View) *index.Record {
	before := len(g.keys)
	r := index.Record{Topic: g.topic(v.Topic()), Keys: g.keys}
	fillIndexRecord(&r, v)
	g.keys, r.Keys = r.Keys, r.Keys[before:]
	g.records = append(g.records, r)
	return &g.records[len(g.records)-1]
}

// reset forgets the records.
func (g *gatherer) reset() { g.records, g.keys = g.records[:0], g.keys[:0] }

func (g *gatherer) topic(b []byte) string {
	name, ok := g.topics[string(b)]
	if !ok {
		name = string(b)
		g.topics[name] = name
	}
	return name
}
