package schedule

import "pairmq/store/record"

// candidates is how many records with the hash of a key are looked at.
const candidates = 64

// A Log is where WasDelivered looks; *store.Store is one.
type Log interface {
	// FindUnique returns where records may be that have this UNIQ_KEY.
	FindUnique(topic, key string, since int64, limit int) []int64
	RecordAt(phyOffset int64) ([]byte, error)
}

// WasDelivered says whether the log has what the waiting record w was delivered as, which
// is m, if that has a UNIQ_KEY: else it says no.
func WasDelivered(log Log, w *record.View, m *record.Message) bool {
	key, ok := record.Property(m.Properties, record.PropertyUniqKey)
	if !ok {
		return false
	}
	for _, at := range log.FindUnique(m.Topic, key, w.StoreTimestamp(), candidates) {
		rec, err := log.RecordAt(at)
		if err != nil {
			continue // given back, or damaged: then it is delivered again
		}
		if found, err := record.Parse(rec, record.Limits{Record: len(rec)}); err == nil && same(&found, w, m) {
			return true
		}
	}
	return false
}

// same says whether v is what the waiting record w was delivered as, which is m.
func same(v, w *record.View, m *record.Message) bool {
	key, _ := w.Property(record.PropertyUniqKey)
	got, _ := v.Property(record.PropertyUniqKey)
	return v.PhyOffset() > w.PhyOffset() && string(v.Topic()) == m.Topic && v.QueueID() == m.QueueID && string(got) == string(key) &&
		v.ReconsumeTimes() == w.ReconsumeTimes() && v.BornTimestamp() == w.BornTimestamp() && v.BodyCRC() == w.BodyCRC()
}
