package broker

import (
	"fmt"
	"strconv"
	"strings"

	"pairmq/internal/remoting"
)

// A sendHeader is the header of a send. Its fields have one letter in requests
// 310 and 320 and long names in request 10.
type sendHeader struct {
	group             string // a producerGroup
	topic             string // b
	defaultTopic      string // c: template for a topic that does not exist
	defaultQueues     int32  // d defaultTopicQueueNums
	queueID           int32  // e: negative lets the broker choose
	sysFlag           int32  // f
	bornTimestamp     int64  // g, ms
	flag              int32  // h
	properties        string // i
	reconsumeTimes    int32  // j
	maxReconsumeTimes int32  // l
	batch             bool   // m
	seen              uint32 // bit 0 is a, and so on
}

// requiredOfSend are the fields a to h.
const requiredOfSend = 1<<8 - 1

// parse reads fields in one pass. Unknown ones are for others. It fails with
// remoting.ErrField.
func (h *sendHeader) parse(fields remoting.Fields, short bool) error {
	for i := range fields {
		f := &fields[i]
		var letter byte
		switch {
		case !short:
			letter = sendLetter(f.Key)
		case len(f.Key) == 1:
			letter = f.Key[0]
		}
		if err := h.set(letter, f); err != nil {
			return err
		}
	}
	if missing := requiredOfSend &^ h.seen; missing != 0 {
		return h.missing(missing, short)
	}
	return nil
}

func (h *sendHeader) set(letter byte, f *remoting.Field) (err error) {
	switch letter {
	case 'a':
		h.group = f.Value
	case 'b':
		h.topic = f.Value
	case 'c':
		h.defaultTopic = f.Value
	case 'd':
		h.defaultQueues, err = fieldInt32(f)
	case 'e':
		h.queueID, err = fieldInt32(f)
	case 'f':
		h.sysFlag, err = fieldInt32(f)
	case 'g':
		h.bornTimestamp, err = fieldInt64(f)
	case 'h':
		h.flag, err = fieldInt32(f)
	case 'i':
		h.properties = f.Value
	case 'j':
		h.reconsumeTimes, err = fieldInt32(f)
	case 'l':
		h.maxReconsumeTimes, err = fieldInt32(f)
	case 'm':
		h.batch = strings.EqualFold(f.Value, "true")
	default:
		return nil
	}
	h.seen |= 1 << (letter - 'a')
	return err
}

// has says whether the field of that letter is there.
func (h *sendHeader) has(letter byte) bool { return h.seen&(1<<(letter-'a')) != 0 }

// missing names the first of the missing fields, which are bits.
func (h *sendHeader) missing(bits uint32, short bool) error {
	for i, name := range sendNames {
		if bits&(1<<i) == 0 {
			continue
		}
		if short {
			name = string(rune('a'+i)) + " (" + name + ")"
		}
		return fmt.Errorf("%w: %s is missing", remoting.ErrField, name)
	}
	return nil
}

var sendNames = [...]string{
	"producerGroup", "topic", "defaultTopic", "defaultTopicQueueNums", "queueId", "sysFlag", "bornTimestamp", "flag",
}

// sendLetter is the letter of a long name, 0 for names that are not used here.
func sendLetter(name string) byte {
	switch name {
	case "producerGroup":
		return 'a'
	case "topic":
		return 'b'
	case "defaultTopic":
		return 'c'
	case "defaultTopicQueueNums":
		return 'd'
	case "queueId":
		return 'e'
	case "sysFlag":
		return 'f'
	case "bornTimestamp":
		return 'g'
	case "flag":
		return 'h'
	case "properties":
		return 'i'
	case "reconsumeTimes":
		return 'j'
	case "maxReconsumeTimes":
		return 'l'
	case "batch":
		return 'm'
	}
	return 0
}

// fieldInt32 reads a field that holds a decimal number.
func fieldInt32(f *remoting.Field) (int32, error) {
	v, err := strconv.ParseInt(f.Value, 10, 32)
	if err != nil {
		return 0, badNumber(f)
	}
	return int32(v), nil
}

// fieldInt64 reads a field that holds a decimal number.
func fieldInt64(f *remoting.Field) (int64, error) {
	v, err := strconv.ParseInt(f.Value, 10, 64)
	if err != nil {
		return 0, badNumber(f)
	}
	return v, nil
}

func badNumber(f *remoting.Field) error {
	return fmt.Errorf("%w: %s is %.40q, want an integer", remoting.ErrField, f.Key, f.Value)
}
