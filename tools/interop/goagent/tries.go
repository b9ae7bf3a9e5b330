package main

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// longProperty is beyond what the two bytes of a length say.
const longProperty = 40_000

// refused matches what the client says of an answer that it does not know: the code is in it.
var refused = regexp.MustCompile(`(?:CODE|Code): (\d+)`)

// tries does what a broker allows and what it does not, and reports how each was answered, as
// Tries.java does.
func (a *agent) tries(c command) error {
	most := c.number("max")
	p, err := a.producer(c, producer.WithCompressMsgBodyOverHowmuch(2*most)) // so that bodies arrive as large as they are
	if err != nil {
		return err
	}
	attempt := func(what string, answer string, err error) {
		if err != nil {
			answer = "failed: " + err.Error()
			if code := refused.FindStringSubmatch(answer); code != nil {
				answer = "code " + code[1]
			}
		}
		a.event("found", "id", c.id(), "how", "tries", "asked", what, "answer", answer)
	}
	send := func(what, topic string, size int, property string) {
		m := primitive.NewMessage(topic, make([]byte, size))
		if property != "" {
			m.WithProperty("long", property)
		}
		r, err := p.SendSync(context.Background(), m)
		answer := ""
		if err == nil && r.Status == primitive.SendOK {
			answer = "SEND_OK"
		} else if err == nil {
			answer = "status " + strconv.Itoa(int(r.Status))
		}
		attempt(what, answer, err)
	}
	topic := c.Get("topic")
	send("small body", topic, 10, "")
	send("largest body", topic, most, "")
	send("body too large", topic, most+1, "")
	send("property too long", topic, 10, strings.Repeat("v", longProperty))
	send("send to read", c.Get("readonly"), 10, "")
	send("send to written", c.Get("writeonly"), 10, "")
	pulls := []pullOf{
		{"pull of read", c.Get("group"), c.Get("readonly")},
		{"pull of written", c.Get("group"), c.Get("writeonly")},
		{"pull of forbidden", c.Get("forbidden"), topic},
	}
	if longest := c.Get("longest"); longest != "" {
		send("send to longest name", longest, 10, "")
		send("send to name too long", longest+"T", 10, "")
		send("send to the broker's own", "SCHEDULE_TOPIC_XXXX", 10, "")
		pulls = append(pulls, pullOf{"pull by longest group", c.Get("longestgroup"), topic})
	}
	if err := p.Shutdown(); err != nil {
		return err
	}
	for _, pull := range pulls {
		answer, err := a.pullOnce(c, pull.group, pull.topic)
		attempt(pull.what, answer, err)
	}
	return nil
}

// A pullOf is a pull that is tried.
type pullOf struct{ what, group, topic string }

// pullOnce asks for the first message of queue 0.
func (a *agent) pullOnce(c command, group, topic string) (answer string, err error) {
	p, err := rocketmq.NewPullConsumer(consumer.WithNameServer(a.namesrv), consumer.WithGroupName(group), consumer.WithInstance(group+"-"+topic+"-"+c.id()))
	if err != nil {
		return "", err
	}
	if err := errors.Join(p.Subscribe(topic, consumer.MessageSelector{}), p.Start()); err != nil {
		return "", err
	}
	r, err := p.PullFrom(context.Background(), &primitive.MessageQueue{Topic: topic, BrokerName: c.Get("broker")}, 0, 1)
	if err == nil && r.Status == primitive.PullFound {
		answer = "FOUND"
	} else if err == nil {
		answer = "status " + strconv.Itoa(int(r.Status))
	}
	return answer, errors.Join(err, p.Shutdown())
}
