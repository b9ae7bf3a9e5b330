package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"pairmq/store/record"
)

// MaxLine is how long a line may be, in bytes: what the largest frame of the protocol
// has as base64, and its properties.
const MaxLine = 24 << 20

// ErrLine: a line is no message.
var ErrLine = errors.New("archive: no message")

// A line is a message as JSON. Pointers are what may be missing.
type line struct {
	Topic                     string          `json:"topic"`
	QueueID                   int32           `json:"queueId"`
	QueueOffset               int64           `json:"queueOffset"`
	PhyOffset                 int64           `json:"phyOffset"`
	Flag                      int32           `json:"flag"`
	SysFlag                   int32           `json:"sysFlag"`
	ReconsumeTimes            int32           `json:"reconsumeTimes"`
	PreparedTransactionOffset int64           `json:"preparedTransactionOffset,omitempty"`
	BornTimestamp             int64           `json:"bornTimestamp"`
	StoreTimestamp            int64           `json:"storeTimestamp"`
	BornHost                  string          `json:"bornHost,omitempty"`
	StoreHost                 string          `json:"storeHost,omitempty"`
	MsgID                     string          `json:"msgId,omitempty"`
	OffsetMsgID               string          `json:"offsetMsgId,omitempty"`
	Properties                json.RawMessage `json:"properties,omitempty"`
	PropertiesBase64          []byte          `json:"propertiesBase64,omitempty"`
	Body                      *[]byte         `json:"body,omitempty"`
}

// AppendLine appends m as a line, with its end. Without its body the line is for
// people, and ParseLine refuses it.
func AppendLine(dst []byte, m *record.Message, body bool) ([]byte, error) {
	l := line{
		Topic: m.Topic, QueueID: m.QueueID, QueueOffset: m.QueueOffset, PhyOffset: m.PhyOffset, Flag: m.Flag, SysFlag: m.SysFlag,
		ReconsumeTimes: m.ReconsumeTimes, PreparedTransactionOffset: m.PreparedTransactionOffset,
		BornTimestamp: m.BornTimestamp, StoreTimestamp: m.StoreTimestamp, BornHost: hostText(m.BornHost), StoreHost: hostText(m.StoreHost),
	}
	l.MsgID, _ = record.Property(m.Properties, record.PropertyUniqKey)
	if m.StoreHost.IsValid() {
		l.OffsetMsgID = record.MessageID(m.StoreHost, m.PhyOffset)
	}
	if body {
		b := m.Body
		if b == nil {
			b = []byte{}
		}
		l.Body = &b
	}
	if utf8.ValidString(m.Properties) {
		l.Properties = appendProperties(nil, m.Properties)
	} else {
		l.PropertiesBase64 = []byte(m.Properties)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&l); err != nil {
		return dst, fmt.Errorf("archive: the message at %d: %w", m.PhyOffset, err)
	}
	return append(dst, out.Bytes()...), nil
}

func hostText(host netip.AddrPort) string {
	if !host.IsValid() {
		return ""
	}
	return host.String()
}

// appendProperties appends properties text as an object, in its order.
func appendProperties(dst []byte, props string) []byte {
	dst = append(dst, '{')
	for name, value := range record.EachProperty(props) {
		if name == record.CRCProperty {
			continue // of the record, not of the message
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, name)
		dst = append(dst, ':')
		dst = appendText(dst, value)
	}
	return append(dst, '}')
}

// appendText appends s, which is UTF-8, as a JSON string.
func appendText(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // of a string there is none
	}
	return append(dst, b...)
}

// ParseLine reads a message from a line of JSON. It fails with ErrLine if the line is
// none, has no topic or no body, or has something that fits in no record.
func ParseLine(b []byte) (record.Message, error) {
	var l line
	if len(b) > MaxLine {
		return record.Message{}, fmt.Errorf("%w: a line of %d bytes, at most %d are possible", ErrLine, len(b), MaxLine)
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return record.Message{}, fmt.Errorf("%w: %w", ErrLine, err)
	}
	switch {
	case l.Topic == "":
		return record.Message{}, fmt.Errorf("%w: topic is missing", ErrLine)
	case l.Body == nil:
		return record.Message{}, fmt.Errorf("%w: body is missing", ErrLine)
	case l.QueueID < 0 || l.QueueOffset < 0 || l.PhyOffset < 0:
		return record.Message{}, fmt.Errorf("%w: queueId %d, queueOffset %d, phyOffset %d: none may be below 0", ErrLine, l.QueueID, l.QueueOffset, l.PhyOffset)
	}
	m := record.Message{
		Topic: l.Topic, QueueID: l.QueueID, QueueOffset: l.QueueOffset, PhyOffset: l.PhyOffset, Flag: l.Flag, SysFlag: l.SysFlag,
		ReconsumeTimes: l.ReconsumeTimes, PreparedTransactionOffset: l.PreparedTransactionOffset,
		BornTimestamp: l.BornTimestamp, StoreTimestamp: l.StoreTimestamp, Body: *l.Body,
	}
	var err error
	if m.BornHost, err = parseHost("bornHost", l.BornHost); err != nil {
		return m, err
	}
	if m.StoreHost, err = parseHost("storeHost", l.StoreHost); err != nil {
		return m, err
	}
	if m.Properties = string(l.PropertiesBase64); len(l.Properties) == 0 && utf8.ValidString(m.Properties) {
		l.Properties = appendProperties(nil, m.Properties) // somebody else wrote it so
	}
	if len(l.Properties) > 0 {
		if m.Properties, err = parseProperties(l.Properties); err != nil {
			return m, err
		}
	}
	if size, err := record.Size(&m); err != nil || size > maxRecord {
		return m, fmt.Errorf("%w: a record of %d bytes: %w", ErrLine, size, err)
	}
	return m, nil
}

func parseHost(name, text string) (netip.AddrPort, error) {
	if text == "" {
		return netip.AddrPort{}, nil
	}
	host, err := netip.ParseAddrPort(text)
	if err != nil {
		return host, fmt.Errorf("%w: %s: %w", ErrLine, name, err)
	}
	return netip.AddrPortFrom(host.Addr().Unmap().WithZone(""), host.Port()), nil
}

// parseProperties makes properties text of an object, token by token, so that order
// and repeated names stay.
func parseProperties(b []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	props := ""
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		if t == nil && err == nil {
			return "", nil // null
		}
		return "", fmt.Errorf("%w: properties are no object", ErrLine)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return "", fmt.Errorf("%w: properties: %w", ErrLine, err)
		}
		value, err := d.Token()
		if err != nil {
			return "", fmt.Errorf("%w: properties: %w", ErrLine, err)
		}
		n, v := name.(string), ""
		v, ok := value.(string)
		if !ok || n == "" || strings.ContainsAny(n+v, "\x01\x02") {
			return "", fmt.Errorf("%w: the property %.40q is no name and text without 0x01 and 0x02", ErrLine, n)
		}
		if len(props)+len(n)+len(v)+2 > record.MaxProperties {
			return "", fmt.Errorf("%w: more than %d bytes of properties", ErrLine, record.MaxProperties)
		}
		if v != "" && n != record.CRCProperty {
			props = record.AppendProperty(props, n, v)
		}
	}
	return props, nil
}
