package broker

import (
	"strconv"
	"sync"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// A pullReply is a response to a pull while it is being made. It is reused.
type pullReply struct {
	resp   remoting.Response
	fields [4]remoting.Field
	text   [3 * 20]byte
}

// A loan is records that a response sends without a copy. It is reused.
type loan struct {
	pool *pullPool
	res  store.Result
	back func()
}

// A pullPool keeps what replies to pulls need. The zero value is ready.
type pullPool struct{ replies, loans sync.Pool }

// replyPull answers a pull with what its read found.
func (b *Broker) replyPull(req *remoting.Request, r *reading, res store.Result) {
	p, ok := b.pulls.replies.Get().(*pullReply)
	if !ok {
		p = new(pullReply)
	}
	p.resp = remoting.Response{Code: pullCode(res.Status, r.offset), Remark: res.Status.String(), Fields: p.offsets(&res)}
	if p.resp.Code == remoting.RespSuccess {
		b.flows.get(r.group, r.topic, res.Count, len(res.Body))
		p.resp.Body, p.resp.Release = res.Body, b.pulls.lend(res)
	} else {
		res.Release()
	}
	if p.resp.Code == remoting.RespPullOffsetMoved {
		b.offsetMoved(r, res.NextBeginOffset)
	}
	req.Reply(&p.resp)
	p.resp, p.fields = remoting.Response{}, [4]remoting.Field{}
	b.pulls.replies.Put(p)
}

// offsets returns the header fields, all of which clients require. The texts
// share one allocation.
func (p *pullReply) offsets(res *store.Result) remoting.Fields {
	text := strconv.AppendInt(p.text[:0], res.NextBeginOffset, 10)
	next := len(text)
	text = strconv.AppendInt(text, res.MinOffset, 10)
	least := len(text)
	text = strconv.AppendInt(text, res.MaxOffset, 10)
	all := string(text)
	p.fields = [...]remoting.Field{
		{Key: "suggestWhichBrokerId", Value: "0"}, {Key: "nextBeginOffset", Value: all[:next]},
		{Key: "minOffset", Value: all[next:least]}, {Key: "maxOffset", Value: all[least:]},
	}
	return p.fields[:]
}

// lend keeps res until the func it returns is called, once.
func (p *pullPool) lend(res store.Result) func() {
	l, ok := p.loans.Get().(*loan)
	if !ok {
		l = &loan{pool: p}
		l.back = l.giveBack
	}
	l.res = res
	return l.back
}

func (l *loan) giveBack() {
	l.res.Release()
	l.res = store.Result{}
	l.pool.loans.Put(l)
}
