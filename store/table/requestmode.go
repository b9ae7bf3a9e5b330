package table

// Modes in which a group consumes a topic.
const (
	ModePull = "PULL"
	ModePop  = "POP"
)

// MaxRequestModes bounds how many RequestModes a broker has.
const MaxRequestModes = 4096

// A RequestMode says how a group consumes a topic, as RocketMQ 5.4.0 has it in the
// request 401 and in the answer to 402.
type RequestMode struct {
	Group  string `json:"consumerGroup"`
	Mode   string `json:"mode"`             // ModePull or ModePop
	Others int32  `json:"popShareQueueNum"` // who may pop a queue besides the client that it is allocated to; 0 and less: all
	Topic  string `json:"topic"`
}

// RequestModes are modes by topic and group.
type RequestModes map[string]map[string]RequestMode

// Count is how many modes there are.
func (m RequestModes) Count() (n int) {
	for _, groups := range m {
		n += len(groups)
	}
	return n
}

// Set adds or replaces the mode of a group in a topic.
func (m RequestModes) Set(mode RequestMode) {
	if m[mode.Topic] == nil {
		m[mode.Topic] = map[string]RequestMode{}
	}
	m[mode.Topic][mode.Group] = mode
}

// Retain removes the modes that keep is false for.
func (m RequestModes) Retain(keep func(topic, group string) bool) {
	for topic, groups := range m {
		for group := range groups {
			if !keep(topic, group) {
				delete(groups, group)
			}
		}
		if len(groups) == 0 {
			delete(m, topic)
		}
	}
}
