package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
	"unicode"

	sd "github.com/coreos/go-systemd/v22/journal"
)

const (
	journalSocket   = "/run/systemd/journal/socket"
	datagramLimit   = 64 << 10 // bytes; below what the kernel takes by default, 208 KiB
	journalPatience = 100 * time.Millisecond
	journalHaste    = time.Millisecond // once it has not taken a line
)

// A journal takes lines with fields over the journal's own protocol
// (systemd.io/JOURNAL_NATIVE_PROTOCOL). One that stands still costs the daemon lines,
// not time: they are counted, and their number is said when it takes them again.
type journal struct {
	path   string
	stream io.Writer // where lines go if nobody listens at path

	mu       sync.Mutex
	conn     *net.UnixConn
	patience time.Duration // for which a line waits until it is taken
	lost     int
	line     bytes.Buffer // what text handlers write
	fields   []byte
	datagram []byte
}

func newJournal(path string, stream io.Writer) *journal {
	return &journal{path: path, stream: stream, patience: journalPatience}
}

// isJournal says whether what is written to w goes to the journal.
func isJournal(w io.Writer) bool {
	if w != os.Stderr {
		return false
	}
	is, err := sd.StderrIsJournalStream()
	return err == nil && is // what it is instead is no reason to say nothing
}

// send is called with mu held.
func (j *journal) send(level slog.Level, line, fields []byte) error {
	if len(line)+len(fields) > datagramLimit {
		line, fields = line[:min(len(line), datagramLimit)], nil
	}
	b := append(j.datagram[:0], "SYSLOG_IDENTIFIER=pairmqd\nPRIORITY="...)
	b = append(b, priority(level), '\n')
	b = appendField(b, "MESSAGE", line)
	b = append(b, fields...)
	j.datagram = b
	err := j.write(b)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		j.lost++
		j.patience = journalHaste
		return nil
	case err != nil:
		_, err = fmt.Fprintf(j.stream, "<%c>%s\n", priority(level), line)
		return err
	}
	j.patience = journalPatience
	if n := j.lost; n > 0 {
		j.lost = 0
		was := fmt.Appendf(nil, "msg=\"the journal took no lines for a while\" lost=%d", n)
		if err := j.send(slog.LevelWarn, was, appendField(nil, "PAIRMQ_LOST", strconv.AppendInt(nil, int64(n), 10))); err != nil {
			return err
		}
		if j.lost > 0 { // nor did it take this one
			j.lost = n
		}
	}
	return nil
}

// write tries once more with a new connection: the socket may be another one.
func (j *journal) write(b []byte) (err error) {
	for range 2 {
		if j.conn == nil {
			if j.conn, err = net.DialUnix("unixgram", nil, &net.UnixAddr{Name: j.path, Net: "unixgram"}); err != nil {
				return err
			}
		}
		if err = j.conn.SetWriteDeadline(time.Now().Add(j.patience)); err == nil {
			_, err = j.conn.Write(b)
		}
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		j.conn.Close()
		j.conn = nil
	}
	return err
}

// appendField writes one field: NAME=value, or, where the value has lines, its length
// in 8 bytes, little-endian, before it.
func appendField(b []byte, name string, value []byte) []byte {
	b = append(b, name...)
	if bytes.IndexByte(value, '\n') < 0 {
		b = append(b, '=')
	} else {
		b = append(b, '\n')
		b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	}
	return append(append(b, value...), '\n')
}

// A fieldHandler sends the lines of a text handler to the journal, and each attribute
// as a field as well.
type fieldHandler struct {
	slog.Handler // writes into journal.line
	journal      *journal
	fields       []byte // of WithAttrs
	prefix       string // of the groups
}

func newFieldHandler(j *journal, o *slog.HandlerOptions) fieldHandler {
	return fieldHandler{Handler: slog.NewTextHandler(&j.line, withoutTime(o)), journal: j, prefix: "PAIRMQ"}
}

// Handle writes one record.
func (h fieldHandler) Handle(ctx context.Context, r slog.Record) error {
	j := h.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	j.line.Reset()
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	j.fields = append(j.fields[:0], h.fields...)
	r.Attrs(func(a slog.Attr) bool {
		j.fields = appendAttr(j.fields, h.prefix, a)
		return true
	})
	return j.send(r.Level, bytes.TrimSuffix(j.line.Bytes(), []byte("\n")), j.fields)
}

// WithAttrs has each line carry as.
func (h fieldHandler) WithAttrs(as []slog.Attr) slog.Handler {
	fields := h.fields[:len(h.fields):len(h.fields)]
	for _, a := range as {
		fields = appendAttr(fields, h.prefix, a)
	}
	return fieldHandler{h.Handler.WithAttrs(as), h.journal, fields, h.prefix}
}

// WithGroup puts name before the keys that follow.
func (h fieldHandler) WithGroup(name string) slog.Handler {
	return fieldHandler{h.Handler.WithGroup(name), h.journal, h.fields, fieldName(h.prefix, name)}
}

func appendAttr(b []byte, prefix string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix = fieldName(prefix, a.Key)
		}
		for _, member := range v.Group() {
			b = appendAttr(b, prefix, member)
		}
		return b
	case a.Key == "":
		return b
	case v.Kind() == slog.KindTime:
		return appendField(b, fieldName(prefix, a.Key), v.Time().AppendFormat(nil, time.RFC3339Nano))
	}
	return appendField(b, fieldName(prefix, a.Key), []byte(v.String()))
}

// fieldName makes PAIRMQ_BROKER_NAME of brokerName: the journal takes up to 64 capital
// letters, digits and underscores.
func fieldName(prefix, key string) string {
	name := append([]byte(prefix), '_')
	rs := []rune(key)
	for i, r := range rs {
		begins := i > 0 && unicode.IsUpper(r) && (!unicode.IsUpper(rs[i-1]) || i+1 < len(rs) && unicode.IsLower(rs[i+1]))
		if begins {
			name = append(name, '_')
		}
		if r = unicode.ToUpper(r); r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			name = append(name, byte(r))
		} else {
			name = append(name, '_')
		}
	}
	return string(name[:min(len(name), 64)])
}
