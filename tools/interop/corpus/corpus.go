// Package corpus makes up the messages that producers send: from a seed and
// an index, always the same ones, so that a receiver's account can be checked
// without keeping what was sent. java/agent/Corpus.java makes the same.
//
// Per 100 messages: 40 sent synchronously, 30 asynchronously, 10 one way, 20
// in two batches. Most bodies are up to 1000 bytes; one in 32 has 4 to 64 KiB,
// one in 1600 has 1 to 4 MiB. Half of them are Chinese text, half is noise.
package corpus

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// How says which of a producer's calls sends a message.
type How string

// The ways to send.
const (
	Sync   How = "sync"
	Async  How = "async"
	Oneway How = "oneway"
	Batch  How = "batch" // with the BatchSize-1 others of its ten
)

// BatchSize is the number of messages in a batch; a batch begins at an index
// that it divides.
const BatchSize = 10

// IndexProperty is the user property that carries a message's index.
const IndexProperty = "n"

// text is what compressible bodies repeat.
const text = "订单已创建，等待付款；车间三号线温度正常。"

// A Message is one message to be sent; its body is not to be changed.
type Message struct {
	Index      int
	How        How
	Tag        string // "" is none
	Keys       string
	Flag       int32
	Properties map[string]string // user properties alone
	Body       []byte
}

// Make returns message index of the corpus with the given seed.
func Make(seed int64, index int) Message {
	m := Message{
		Index: index, How: how(index), Flag: int32(index % 7),
		Keys:       fmt.Sprintf("K-%d-%d", seed, index),
		Properties: map[string]string{IndexProperty: strconv.Itoa(index)},
	}
	m.Tag = []string{"TagA", "TagB", "TagC", "TagD", ""}[index%5]
	if index%10 == 0 {
		m.Keys += " 订单" + strconv.Itoa(index)
	}
	if index%3 == 0 {
		m.Properties["颜色"] = "蓝色-" + strconv.Itoa(index)
	}
	if index%7 == 0 {
		m.Properties["emoji"] = "🚚 " + strconv.Itoa(index)
	}
	if index%1000 == 0 {
		m.Properties["padding"] = string(repeated("x", 30000))
	}
	m.Body = body(seed, index)
	return m
}

func how(index int) How {
	switch in100 := index % 100; {
	case in100 < 40:
		return Sync
	case in100 < 70:
		return Async
	case in100 < 80:
		return Oneway
	}
	return Batch
}

func body(seed int64, index int) []byte {
	state := uint64(seed)*1_000_003 + uint64(index)
	a := next(&state)
	size := int(1 + a%1000)
	switch {
	case index%1600 == 739 && index/1600 == 0:
		size = 4 << 20 // the most that a client lets through
	case index%1600 == 739:
		size = 1<<20 + int(a%(3<<20-64<<10))
	case index%500 == 1:
		size = 1
	case index%500 == 2:
		size = 4095 // clients compress from 4096 on
	case index%500 == 3:
		size = 4096
	case index%32 == 15 && how(index) != Batch:
		size = 4096 + int(a%61440)
	}
	if a>>40&1 == 0 || index == 739 {
		return repeated(text, size)
	}
	b := make([]byte, (size+7)/8*8)
	for i := 0; i < size; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], next(&state))
	}
	return b[:size]
}

func repeated(s string, size int) []byte {
	b := make([]byte, 0, size+len(s))
	for len(b) < size {
		b = append(b, s...)
	}
	return b[:size]
}

// next is splitmix64.
func next(state *uint64) uint64 {
	*state += 0x9E3779B97F4A7C15
	z := *state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}
