// Command goagent is the Go counterpart of java/agent: it runs unmodified
// rocketmq-client-go clients as it is told on standard input, and reports on
// standard output, in the lines of package line. Arguments: NAMESRV.
package main

import (
	"bufio"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"

	"pairmq/tools/interop/line"
)

// clientLog names the client's log level in the environment.
const clientLog = "ROCKETMQ_GO_LOG_LEVEL"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: goagent NAMESRV")
		os.Exit(2)
	}
	if os.Getenv(clientLog) == "" {
		rlog.SetLogLevel("error")
	}
	a := &agent{namesrv: primitive.NamesrvAddr{os.Args[1]}, out: os.Stdout, running: map[string]func() error{}, deciding: map[string]func(){},
		releasing: map[string]func(){}, asking: map[string]func(command) error{}}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if l, ok := line.Parse(in.Text()); ok {
			go a.run(command{l})
		}
	}
}

// An agent runs commands and keeps the consumers and producers that go on.
type agent struct {
	namesrv primitive.NamesrvAddr

	writing sync.Mutex
	out     io.Writer

	mu      sync.Mutex
	running map[string]func() error // how to stop a consumer, by the id of its command

	deciding  map[string]func()              // how to have a producer of transactions decide, likewise
	releasing map[string]func()              // how to have a replier reply to what it holds
	asking    map[string]func(command) error // how to ask
}

// A command is a line of input.
type command struct{ line.Line }

func (c command) id() string            { return c.Get("id") }
func (c command) number(key string) int { return int(c.Int64(key)) }

// list is numbers with commas between them; one that is not there is 0.
func (c command) list(key string) (numbers []int) {
	for text := range strings.SplitSeq(c.Get(key), ",") {
		n, _ := strconv.Atoi(text)
		numbers = append(numbers, n)
	}
	return numbers
}

func (a *agent) run(c command) {
	if err := a.do(c); err != nil {
		a.event("failed", "id", c.id(), "error", err)
		return
	}
	a.event("ok", "id", c.id())
}

func (a *agent) do(c command) error {
	var stop func() error
	var err error
	switch c.Verb {
	case "produce":
		return a.produce(c)
	case "order":
		return a.order(c)
	case "delay":
		return a.delay(c)
	case "traced":
		return a.traced(c)
	case "pull":
		return a.pull(c)
	case "tries":
		return a.tries(c)
	case "transact":
		stop, err = a.transact(c)
	case "decide":
		return a.decide(c)
	case "answer":
		stop, err = a.answer(c)
	case "release":
		return a.release(c)
	case "requester":
		stop, err = a.requester(c)
	case "ask":
		return a.ask(c)
	case "push":
		stop, err = a.push(c)
	case "lite":
		stop, err = a.poll(c)
	case "stop":
		a.mu.Lock()
		stop = a.running[c.Get("consumer")]
		delete(a.running, c.Get("consumer"))
		a.mu.Unlock()
		if stop == nil {
			return fmt.Errorf("no consumer %s", c.Get("consumer"))
		}
		return stop()
	default:
		return fmt.Errorf("unknown command %s", c.Verb)
	}
	if err == nil {
		a.mu.Lock()
		a.running[c.id()] = stop
		a.mu.Unlock()
	}
	return err
}

// event writes one event; whole lines, never mixed.
func (a *agent) event(verb string, pairs ...any) {
	text := line.New(verb, pairs...).String() + "\n"
	a.writing.Lock()
	defer a.writing.Unlock()
	io.WriteString(a.out, text)
}

// sent reports what a producer was told about count messages from n on.
func (a *agent) sent(id string, n, count int, r *primitive.SendResult) {
	status := "UNKNOWN_" + strconv.Itoa(int(r.Status))
	if names := []string{"SEND_OK", "FLUSH_DISK_TIMEOUT", "FLUSH_SLAVE_TIMEOUT", "SLAVE_NOT_AVAILABLE"}; int(r.Status) < len(names) {
		status = names[r.Status]
	}
	a.event("sent", "id", id, "n", n, "count", count, "status", status, "q", r.MessageQueue.QueueId, "qo", r.QueueOffset,
		"msg", r.MsgID, "off", r.OffsetMsgID)
}

// got reports a message that reached a consumer.
func (a *agent) got(id string, m *primitive.MessageExt) {
	a.event("got", "id", id, "q", m.Queue.QueueId, "qo", m.QueueOffset, "t", time.Now().UnixMicro(), "msg", m.MsgId, "len", len(m.Body),
		"crc", crc32.ChecksumIEEE(m.Body), "flag", m.Flag, "again", m.ReconsumeTimes, "topic", m.Topic,
		"born", m.BornTimestamp, "stored", m.StoreTimestamp, "props", line.EncodeMap(m.GetProperties()))
}

// done reports that a message's listener is through with it.
func (a *agent) done(id string, m *primitive.MessageExt) {
	a.event("done", "id", id, "q", m.Queue.QueueId, "qo", m.QueueOffset, "t", time.Now().UnixMicro())
}
