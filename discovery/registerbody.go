package discovery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	"pairmq/store/table"
)

// ErrTooManyTopics refuses a registration with more topics than its receiver
// allows.
var ErrTooManyTopics = errors.New("discovery: too many topics")

// A RegisterBody is the body of a registration, code 103: a broker's topics
// and the version of their table. Filter servers, which the format has room
// for, are not supported: none are written, and those read are dropped.
//
// Format: RocketMQ 4.9.7 and 5.4.0, RegisterBrokerBody with its
// TopicConfigSerializeWrapper, as JSON. DecodeCompressedRegisterBody reads the
// other form.
type RegisterBody struct {
	Topics  []table.Topic
	Version table.DataVersion
}

// registerJSON is the outer shape of a RegisterBody.
type registerJSON struct {
	FilterServerList ignored     `json:"filterServerList"`
	Wrapper          wrapperJSON `json:"topicConfigSerializeWrapper"`
}

// An ignored list costs no memory, however long.
type ignored struct{}

// UnmarshalJSON takes anything.
func (ignored) UnmarshalJSON([]byte) error { return nil }

// MarshalJSON writes none.
func (ignored) MarshalJSON() ([]byte, error) { return []byte("[]"), nil }

type wrapperJSON struct {
	Version table.DataVersion `json:"dataVersion"`
	Topics  topicsJSON        `json:"topicConfigTable"`
}

// topicsJSON is a list of topics that JSON shows as an object by name.
type topicsJSON struct {
	list  []table.Topic
	limit int
}

// Encode returns the body as JSON.
func (b *RegisterBody) Encode() ([]byte, error) {
	return json.Marshal(registerJSON{
		Wrapper: wrapperJSON{Version: b.Version, Topics: topicsJSON{list: b.Topics}},
	})
}

// DecodeRegisterBody reads a body that was sent with compressed=false. An empty
// body means no topics and the zero version. The topics' names and numbers are
// as the peer wrote them; a topic without a name of its own gets that of its
// key. It fails with ErrJSON, or with ErrTooManyTopics for more than maxTopics.
// Attributes of topics are dropped.
func DecodeRegisterBody(body []byte, maxTopics int) (RegisterBody, error) {
	if len(body) == 0 {
		return RegisterBody{}, nil
	}
	var r registerJSON
	r.Wrapper.Topics.limit = maxTopics
	if err := decodeJava(body, &r); err != nil {
		return RegisterBody{}, fmt.Errorf("registration: %w", err)
	}
	return RegisterBody{Topics: r.Wrapper.Topics.list, Version: r.Wrapper.Version}, nil
}

// BodyCRC32 is what goes with a body as bodyCrc32: the CRC-32 (IEEE) of the
// bytes sent, without its sign bit. A peer that sends 0 or none is not checked.
func BodyCRC32(body []byte) int32 { return int32(crc32.ChecksumIEEE(body) & 0x7fffffff) }

// MarshalJSON writes an object of topics by name, in the order of the list.
func (t topicsJSON) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	out.WriteByte('{')
	for i := range t.list {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := enc.Encode(t.list[i].Name); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := enc.Encode(&t.list[i]); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil // json.Marshal compacts it
}

// topicJSON is table.Topic as far as routes need it: what a peer sends beside
// it costs no memory.
type topicJSON struct {
	Name           string `json:"topicName"`
	ReadQueueNums  int32  `json:"readQueueNums"`
	WriteQueueNums int32  `json:"writeQueueNums"`
	Perm           int32  `json:"perm"`
	FilterType     string `json:"topicFilterType"`
	SysFlag        int32  `json:"topicSysFlag"`
	Order          bool   `json:"order"`
}

// UnmarshalJSON reads an object of topics by name, at most t.limit of them.
func (t *topicsJSON) UnmarshalJSON(b []byte) error {
	t.list = nil
	dec := json.NewDecoder(bytes.NewReader(b))
	open, err := dec.Token()
	if err != nil || open == nil { // null: no topics
		return err
	}
	if open != json.Delim('{') {
		return fmt.Errorf("topicConfigTable is no object but begins with %v", open)
	}
	for dec.More() {
		if len(t.list) == t.limit {
			return fmt.Errorf("%w: more than %d", ErrTooManyTopics, t.limit)
		}
		key, err := dec.Token()
		if err != nil {
			return err
		}
		var topic topicJSON
		if err := dec.Decode(&topic); err != nil {
			return err
		}
		if topic.Name == "" {
			topic.Name, _ = key.(string)
		}
		t.list = append(t.list, topic.topic())
	}
	return nil
}

func (t *topicJSON) topic() table.Topic {
	return table.Topic{
		Name: t.Name, ReadQueueNums: t.ReadQueueNums, WriteQueueNums: t.WriteQueueNums,
		Perm: t.Perm, FilterType: t.FilterType, SysFlag: t.SysFlag, Order: t.Order,
	}
}
