package main

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// A keyMaker makes unique keys of messages as RocketMQ's clients do, in hex:
// IPv4 address, process id (2 bytes), a number of the process (4), ms since
// the month began in local time (4), a counter (2). Tools read the time from
// them. The address is 127.0.0.1; what tells processes apart is random.
type keyMaker struct {
	prefix [10]byte
	month  time.Time // its beginning
	count  atomic.Uint32
}

func newKeyMaker(now time.Time) *keyMaker {
	k := &keyMaker{month: time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location())}
	copy(k.prefix[:], []byte{127, 0, 0, 1})
	binary.BigEndian.PutUint16(k.prefix[4:], uint16(os.Getpid()))
	rand.Read(k.prefix[6:])
	return k
}

// next returns another key. Its methods are safe for concurrent use.
func (k *keyMaker) next() string {
	n := k.count.Add(1)
	b := make([]byte, 0, 16)
	b = append(b, k.prefix[:]...)
	// What the counter has no room for goes into the time, so that no two are alike.
	ms := time.Since(k.month).Milliseconds() + int64(n>>16)
	b = binary.BigEndian.AppendUint32(b, uint32(ms))
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	return strings.ToUpper(hex.EncodeToString(b))
}
