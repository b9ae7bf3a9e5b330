package remoting

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestServeAnswersInTheFormOfTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) {
			req.Reply(&Response{Code: 17, Remark: "no", Fields: Fields{{"k", req.Fields.Get("k")}}, Body: req.Body})
		})}).dial()
		for i, form := range []SerializeType{JSON, Binary, JSON} {
			p.send(Command{Code: 105, Opaque: int32(i), Serialize: form, Fields: Fields{{"k", "v"}}, Body: []byte("body")})
			got := p.expect(int32(i), 17)
			want := Command{Code: 17, Language: Go, Version: Version, Opaque: int32(i), Flag: 1, Remark: "no",
				Fields: Fields{{"k", "v"}}, Body: []byte("body"), Serialize: form}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("response is %+v, want %+v", got, want)
			}
		}
	})
}

func TestServeManyFramesInOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo)})
		p := r.dial()
		var all []byte
		for i := range 500 {
			all = AppendCommand(all, &Command{Opaque: int32(i), Body: []byte(fmt.Sprint("body ", i))})
		}
		go p.write(all)
		for i := range 500 {
			c := p.expect(int32(i), RespSuccess)
			if want := fmt.Sprint("body ", i); string(c.Body) != want {
				t.Fatalf("body %d is %q, want %q", i, c.Body, want)
			}
		}
	})
}

func TestServeByteByByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRig(t, ServerOptions{Handler: HandlerFunc(echo)}).dial()
		for _, b := range AppendCommand(nil, &Command{Opaque: 9, Body: []byte("slow")}) {
			p.write([]byte{b})
		}
		if c := p.expect(9, RespSuccess); string(c.Body) != "slow" {
			t.Errorf("body is %q, want %q", c.Body, "slow")
		}
	})
}

func TestNoHandlerAnswersNotSupported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRig(t, ServerOptions{}).dial()
		p.send(Command{Code: ReqPopMessage, Opaque: 4})
		c := p.expect(4, RespRequestCodeNotSupported)
		if want := " request type POP_MESSAGE not supported"; c.Remark != want {
			t.Errorf("remark is %q, want %q", c.Remark, want)
		}
	})
}

func TestOnewayIsNeverAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := 0
		p := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) {
			req.Reply(&Response{Body: make([]byte, 9000), Release: func() { released++ }})
		})}).dial()
		p.send(Command{Opaque: 1, Flag: flagOneway})
		p.send(Command{Opaque: 2, Flag: flagResponse}) // nobody waits for it
		p.send(Command{Opaque: 3})
		p.expect(3, RespSuccess)
		synctest.Wait()
		if released != 2 {
			t.Errorf("%d of 2 bodies were released", released)
		}
	})
}

func TestRepliesLaterAndInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan *Request, 3)
		p := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) { held <- req })}).dial()
		for i := range int32(3) {
			p.send(Command{Opaque: i, Fields: Fields{{"n", fmt.Sprint(i)}}})
		}
		first, second, third := <-held, <-held, <-held
		for _, req := range []*Request{third, first, second} {
			req.ReplyError(RespPullNotFound, req.Fields.Get("n"))
			req.ReplyError(RespSystemError, "twice") // goes nowhere
			if c := p.expect(req.Opaque, RespPullNotFound); c.Remark != fmt.Sprint(c.Opaque) {
				t.Errorf("remark of %d is %q", c.Opaque, c.Remark)
			}
		}
	})
}

func TestReplyTooLargeForAFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := false
		p := newRig(t, ServerOptions{Limits: Limits{Frame: 1000}, Handler: HandlerFunc(func(req *Request) {
			req.Reply(&Response{Body: make([]byte, 1000), Release: func() { released = true }})
		})}).dial()
		p.send(Command{Opaque: 1})
		p.expect(1, RespSystemError)
		synctest.Wait()
		if !released {
			t.Error("the body that did not fit was not released")
		}
	})
}

func TestPanicClosesOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Int32
		r := newRig(t, ServerOptions{
			Handler: HandlerFunc(func(req *Request) {
				if req.Code == 666 {
					panic("out of cheese")
				}
				echo(req)
			}),
			OnClose: func(*Conn) { ended.Add(1); panic("again") },
		})
		bad, good := r.dial(), r.dial()
		bad.send(Command{Code: 666})
		bad.expectClosed()
		good.send(Command{Opaque: 7})
		good.expect(7, RespSuccess)
		synctest.Wait()
		if got := ended.Load(); got != 1 {
			t.Errorf("OnClose was called %d times, want once", got)
		}
		r.log.expect(t, 1, "level=ERROR", "handler panicked", "out of cheese", "serve_test.go")
	})
}

func TestOnCloseComesAfterTheLastRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []string
		r := newRig(t, ServerOptions{
			Handler: HandlerFunc(func(req *Request) {
				time.Sleep(time.Second)
				events = append(events, "served")
			}),
			OnClose: func(*Conn) { events = append(events, "closed") },
		})
		p := r.dial()
		p.send(Command{})
		_ = p.nc.Close()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if want := []string{"served", "closed"}; !reflect.DeepEqual(events, want) {
			t.Errorf("events are %v, want %v", events, want)
		}
	})
}
