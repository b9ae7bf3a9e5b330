// Package wire is a small RocketMQ client of the tests' own: frames, the few
// requests the tests make themselves, and stored records. It shares no code
// with pairmq, so that a mistake made there is not made here as well.
//
// Format: RocketMQ remoting, JSON headers only. All integers are big-endian:
//
//	0 ........ 4 ..... 5 .............. 8 ...... 8+H
//	length      type    header length H  header   body
//
// The length counts everything behind itself.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
)

// MaxFrame is the largest frame that Read accepts, in bytes.
const MaxFrame = 16 << 20

// Request codes that the tests use.
const (
	SendMessage         = 10
	PullMessage         = 11
	QueryConsumerOffset = 14
	UpdateConsumerOff   = 15
	UpdateTopic         = 17
	AllTopics           = 21
	UpdateConfig        = 25
	RuntimeInfo         = 28
	SearchOffset        = 29
	GetMaxOffset        = 30
	GetMinOffset        = 31
	HeartBeat           = 34
	SendBack            = 36
	EndTransaction      = 37
	ConsumerList        = 38
	RouteByTopic        = 105
	BrokerCluster       = 106
	CheckClient         = 46 // CHECK_CLIENT_CONFIG
	UpdateGroup         = 200
	AllGroups           = 201
	DeleteGroup         = 207
	ConsumeStats        = 208
	ResetOffset         = 222
	ConsumerStatus      = 223
	ConsumerRunningInfo = 307
	ConsumeDirectly     = 309
	RecallMessage       = 370
	SendMessageV2       = 310
	SendBatch           = 320
	QueryAssignment     = 400
	SetRequestMode      = 401
	AllRequestModes     = 402
	Pop                 = 200050
	Ack                 = 200051
	Peek                = 200052
	ChangeInvisible     = 200053
	Notification        = 200054
	PollingInfo         = 200055
	BatchAck            = 200151
)

// Response codes that the tests name.
const (
	Success            = 0
	SystemError        = 1
	NotSupported       = 3
	FlushDiskTimeout   = 10
	SlaveNotAvailable  = 11
	FlushSlaveTimeout  = 12
	MessageIllegal     = 13
	ServiceUnavailable = 14
	NoPermission       = 16
	TopicNotExist      = 17
	IllegalOperation   = 604
	PullNotFound       = 19
	PullRetry          = 20
	PullOffsetMoved    = 21
	QueryNotFound      = 22
	ParseFailed        = 23 // SUBSCRIPTION_PARSE_FAILED
	GroupNotExist      = 26
	InvalidParameter   = 29
	ConsumerNotOnline  = 206
	NoMessage          = 208
	PollingTimeout     = 210
)

// Flag bits of a Command.
const (
	FlagResponse = 1
	FlagOneway   = 2
)

// ErrFrame means bytes that are no frame.
var ErrFrame = errors.New("wire: bad frame")

// A Command is one frame.
type Command struct {
	Code      int               `json:"code"`
	Language  string            `json:"language"`
	Version   int               `json:"version"`
	Opaque    int32             `json:"opaque"`
	Flag      int               `json:"flag"`
	Remark    string            `json:"remark,omitempty"`
	ExtFields map[string]string `json:"extFields,omitempty"`
	Body      []byte            `json:"-"`
}

// NewCommand makes a request of a 4.9.7 client from pairs of field name and value.
func NewCommand(code int, pairs ...any) *Command {
	c := &Command{Code: code, Language: "JAVA", Version: 407, ExtFields: make(map[string]string, len(pairs)/2)}
	for i := 0; i+1 < len(pairs); i += 2 {
		c.ExtFields[fmt.Sprint(pairs[i])] = fmt.Sprint(pairs[i+1])
	}
	return c
}

// With returns a copy of c in which one field has another value.
func (c *Command) With(field string, value any) *Command {
	d := *c
	d.ExtFields = maps.Clone(c.ExtFields)
	d.ExtFields[field] = fmt.Sprint(value)
	return &d
}

// Int64 returns a field as a number; a missing or bad one is an error.
func (c *Command) Int64(field string) (int64, error) {
	n, err := strconv.ParseInt(c.ExtFields[field], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("wire: field %s of response %d: %w", field, c.Code, err)
	}
	return n, nil
}

// Err returns nil for code 0 and otherwise an error that names code and remark.
func (c *Command) Err() error {
	if c.Code == Success {
		return nil
	}
	return &CodeError{Code: c.Code, Remark: c.Remark}
}

// A CodeError is an answer other than success.
type CodeError struct {
	Code   int
	Remark string
}

func (e *CodeError) Error() string { return fmt.Sprintf("wire: answer %d %q", e.Code, e.Remark) }

// Frame returns c as bytes.
func (c *Command) Frame() ([]byte, error) {
	header, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("wire: header: %w", err)
	}
	return RawFrame(0, header, c.Body), nil
}

// RawFrame puts any header bytes and body into a frame of the given serialize type.
func RawFrame(serialize byte, header, body []byte) []byte {
	b := make([]byte, 0, 8+len(header)+len(body))
	b = binary.BigEndian.AppendUint32(b, uint32(4+len(header)+len(body)))
	b = binary.BigEndian.AppendUint32(b, uint32(serialize)<<24|uint32(len(header)))
	b = append(b, header...)
	return append(b, body...)
}

// Read reads one frame with a JSON header. It fails with ErrFrame for one
// that is too large or not consistent, and with r's error otherwise.
func Read(r io.Reader) (*Command, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	total, mark := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
	length := mark & 0xFFFFFF
	if total < 4 || total > MaxFrame || length > total-4 || mark>>24 != 0 {
		return nil, fmt.Errorf("%w: length %d, header length %d, type %d", ErrFrame, total, length, mark>>24)
	}
	b := make([]byte, total-4)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("wire: frame of %d bytes: %w", total, err)
	}
	c := new(Command)
	if err := json.Unmarshal(b[:length], c); err != nil {
		return nil, fmt.Errorf("%w: header %q: %w", ErrFrame, b[:length], err)
	}
	c.Body = b[length:]
	return c, nil
}
