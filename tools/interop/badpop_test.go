package interop

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"time"

	"pairmq/tools/interop/wire"
)

// badPops are what no client sends that pops. 4.9.7 does not know any of it.
func badPops() []badRequest {
	const year = 365 * 24 * time.Hour / time.Millisecond
	// Born in time to come: Apache's answers one that has been on its way for long before it looks at it.
	pop := wire.NewCommand(wire.Pop, "consumerGroup", "BadPop", "topic", "Bad", "queueId", -1, "maxMsgNums", 1, "invisibleTime", 1000, "pollTime", 0,
		"bornTime", time.Now().Add(time.Hour).UnixMilli(), "initMode", 0, "expType", "TAG", "exp", "*", "order", false)
	ack := wire.NewCommand(wire.Ack, "consumerGroup", "BadPop", "topic", "Bad", "queueId", 1, "offset", 0, "extraInfo", "0 1795404871952 60000 0 0 interop-a 1 0")
	invisible := func(ms any) *wire.Command {
		req := ack.With("invisibleTime", ms)
		req.Code = wire.ChangeInvisible
		return req
	}
	peek := wire.NewCommand(wire.Peek, "consumerGroup", "BadPop", "topic", "Bad", "queueId", -1, "maxMsgNums", 1)
	batch := func(body string) *wire.Command {
		req := wire.NewCommand(wire.BatchAck)
		req.Body = []byte(body)
		return req
	}
	entry := func(start int64, set []byte) string {
		return fmt.Sprintf(`{"brokerName":"interop-a","acks":[{"c":"BadPop","t":"Bad","r":"0","so":%d,"q":1,"rq":0,"pt":1795404871952,"it":60000,"b":%q}]}`,
			start, base64.StdEncoding.EncodeToString(set))
	}
	mode := func(body string) *wire.Command {
		req := wire.NewCommand(wire.SetRequestMode)
		req.Body = []byte(body)
		return req
	}
	refused := []int{wire.InvalidParameter}
	done := []int{wire.Success, wire.SystemError, wire.PollingTimeout}
	all := []badRequest{
		{"pop of a topic that is not there", pop.With("topic", "Nowhere"), []int{wire.TopicNotExist}, nil},
		{"pop beyond range", pop.With("queueId", 99), refused, nil},
		{"pop from a queue below all", pop.With("queueId", -7), refused, done},
		{"pop of no messages", pop.With("maxMsgNums", 0), refused, done},
		{"pop of a million", pop.With("maxMsgNums", 1_000_000), refused, done},
		{"pop of less than nothing", pop.With("maxMsgNums", -5), refused, done},
		{"pop for less than no time", pop.With("invisibleTime", -1), refused, done},
		{"pop for a thousand years", pop.With("invisibleTime", int64(1000*year)), refused, done},
		{"pop for a time that is no number", pop.With("invisibleTime", "long"), []int{wire.SystemError}, []int{wire.Success}},
		{"pop with a wrong expression", pop.With("expType", "SQL92").With("exp", "a ="), []int{wire.ParseFailed}, nil},
		{"pop of a language that there is not", pop.With("expType", "LUA").With("exp", "a"), []int{wire.ParseFailed}, nil},
		{"ordered pop by an attempt of 10 KB", pop.With("order", true).With("attemptId", string(bytes.Repeat([]byte("a"), 10_000))), refused, done},
		{"ordered pop of less than nothing", pop.With("order", true).With("maxMsgNums", -5), refused, done},
		{"peek at a million", peek.With("maxMsgNums", 1_000_000), refused, done},
		{"peek at nothing", peek.With("maxMsgNums", 0), refused, []int{wire.Success, wire.PullNotFound, wire.SystemError}},
		{"acknowledgement by a handle of another topic", ack, []int{wire.Success}, nil},
		{"acknowledgement of a negative offset", ack.With("offset", -5), []int{wire.NoMessage}, nil},
		{"acknowledgement far behind the end", ack.With("offset", int64(1)<<60), []int{wire.NoMessage}, nil},
		{"acknowledgement beyond range", ack.With("queueId", 99), []int{wire.MessageIllegal}, nil},
		{"acknowledgement of a negative queue", ack.With("queueId", -1), refused, []int{wire.NoMessage, wire.SystemError, wire.MessageIllegal}},
		{"acknowledgement by no handle", ack.With("extraInfo", "handle"), refused, []int{wire.SystemError}},
		{"acknowledgement by a handle of 100 KB", ack.With("extraInfo", string(bytes.Repeat([]byte("0 "), 50_000))), []int{wire.InvalidParameter, closed}, []int{wire.Success, wire.SystemError}},
		{"acknowledgement by a handle of no ordered pop", ack.With("extraInfo", "0 1795404871952 60000 999 0 interop-a 1 0"), []int{wire.Success}, nil},
		{"invisible by a handle of no ordered pop", invisible(1000).With("extraInfo", "0 1795404871952 60000 999 0 interop-a 1 0"), []int{wire.NoMessage}, []int{wire.Success}},
		{"invisible for less than no time", invisible(-1), refused, done},
		{"invisible for a thousand years", invisible(int64(1000 * year)), refused, done},
		{"invisible for a time that is no number", invisible("long"), []int{wire.SystemError}, nil},
		{"batch with a set of 1 MB", batch(entry(0, bytes.Repeat([]byte{255}, 1<<20))), refused, done},
		{"batch with a set of 100 KB", batch(entry(0, bytes.Repeat([]byte{255}, 100_000))), refused, done},
		{"batch from a negative offset on", batch(entry(-8, []byte{255})), refused, done},
		{"batch to the largest offset", batch(entry(1<<63-1, []byte{255})), refused, done},
		{"batch of nothing", batch(`{"acks":[]}`), []int{wire.NoMessage}, nil},
		{"batch that is no JSON", batch("acks"), refused, []int{wire.SystemError, wire.NoMessage}},
		{"batch without a body", batch(""), refused, []int{wire.SystemError, wire.NoMessage}},
		{"mode of a topic that is not there", mode(`{"topic":"Nowhere","consumerGroup":"BadPop","mode":"POP"}`), []int{wire.TopicNotExist}, done},
		{"mode that there is not", mode(`{"topic":"Bad","consumerGroup":"BadPop","mode":"PUSH"}`), refused, done},
		{"mode that is no JSON", mode(`{`), []int{wire.SystemError, wire.InvalidParameter}, nil},
		{"pop that is good", pop, []int{wire.Success}, done},
	}
	for i := range all {
		all[i].apache = append(all[i].apache, wire.NotSupported)
	}
	return all
}
