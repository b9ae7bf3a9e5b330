package harness

import (
	"context"
	"fmt"
	"net"
	"time"

	"pairmq/internal/remoting"
)

// A Client asks brokers, each over one connection. One on which a request had no
// answer is not used again.
type Client struct {
	*remoting.Client
	Limit time.Duration // for an answer
	dial  time.Duration
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// NewClient returns a client that waits so long for a connection, and for an answer.
func NewClient(dial, limit time.Duration) *Client {
	return newClient(dial, limit, nil)
}

// newClient is NewClient with a way to connect; nil means TCP.
func newClient(dial, limit time.Duration, connect dialFunc) *Client {
	return &Client{Client: remoting.NewClient(remoting.ClientOptions{DialTimeout: dial, Dial: connect}), Limit: limit, dial: dial}
}

// Try makes a request. sent says whether it may have reached the broker.
func (c *Client) Try(ctx context.Context, addr string, code int32, f remoting.Fields, body []byte) (resp *remoting.Command, sent bool, err error) {
	dial, cancel := context.WithTimeout(ctx, c.dial)
	defer cancel()
	conn, err := c.Conn(dial, addr)
	if err != nil {
		return nil, false, err
	}
	ctx, stop := context.WithTimeout(ctx, c.Limit)
	defer stop()
	resp, err = conn.Call(ctx, &remoting.Command{Code: code, Fields: f, Body: body})
	if err != nil {
		conn.Close()
		return nil, true, err
	}
	return resp, true, nil
}

// Ask is Try for what only succeeds with code 0; another is a Refusal.
func (c *Client) Ask(ctx context.Context, addr string, code int32, f remoting.Fields) (*remoting.Command, error) {
	resp, _, err := c.Try(ctx, addr, code, f, nil)
	if err == nil {
		err = Refused(resp)
	}
	return resp, err
}

// A Refusal is an answer other than success.
type Refusal struct {
	Code   int32
	Remark string
}

func (r Refusal) Error() string {
	return fmt.Sprintf("%s: %s", remoting.ResponseName(r.Code), r.Remark)
}

// Refused is the Refusal that an answer is; nil if it is success.
func Refused(resp *remoting.Command) error {
	if resp.Code == remoting.RespSuccess {
		return nil
	}
	return Refusal{resp.Code, resp.Remark}
}
