package discovery

import (
	"context"
	"errors"
	"fmt"

	"pairmq/internal/remoting"
)

var (
	// ErrNoRoute is wrapped where the name server knows nobody who serves the
	// topic.
	ErrNoRoute = errors.New("discovery: no route")
	// ErrRefused is wrapped by the error of a request that a name server
	// answered with a code other than success.
	ErrRefused = errors.New("discovery: refused by the name server")
)

// Route asks who serves topic. Name servers know nothing of each other: where the
// one in use knows nobody, the others are asked once. It fails with ErrNoRoute,
// with ErrRefused, as Do, and as DecodeRoute.
func (p *Picker) Route(ctx context.Context, topic string) (*TopicRouteData, error) {
	req := &remoting.Command{
		Code:   remoting.ReqGetRouteinfoByTopic,
		Fields: remoting.Fields{{Key: "topic", Value: topic}, {Key: "acceptStandardJsonOnly", Value: "true"}},
	}
	resp, err := p.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	if resp.Code == remoting.RespTopicNotExist {
		if resp = p.elsewhere(ctx, req); resp == nil {
			return nil, fmt.Errorf("%w for topic %s", ErrNoRoute, topic)
		}
	}
	if err := refusal(resp); err != nil {
		return nil, err
	}
	return DecodeRoute(resp.Body)
}

// elsewhere asks the servers that are not in use, and returns the first success.
func (p *Picker) elsewhere(ctx context.Context, req *remoting.Command) *remoting.Command {
	p.mu.Lock()
	used := p.last
	p.mu.Unlock()
	for i := range p.servers {
		if i == used || !p.due(i) || ctx.Err() != nil {
			continue
		}
		if resp := p.askOnce(ctx, i, req); resp != nil && resp.Code == remoting.RespSuccess {
			return resp
		}
	}
	return nil
}

// askOnce asks one server, and returns nil if it does not answer.
func (p *Picker) askOnce(ctx context.Context, index int, req *remoting.Command) *remoting.Command {
	try, cancel := context.WithTimeout(ctx, p.opts.TryTimeout)
	defer cancel()
	conn, err := p.opts.Client.Conn(try, p.servers[index].addr)
	var resp *remoting.Command
	if err == nil {
		if resp, err = conn.Call(try, req); err != nil {
			_ = conn.Close() // no answer will be waited for on it
		}
	}
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, remoting.ErrBusy) {
			p.postpone(index, err)
		}
		return nil
	}
	return resp
}

// Cluster asks for all brokers and clusters. It fails with ErrRefused, as Do,
// and as DecodeClusterInfo.
func (p *Picker) Cluster(ctx context.Context) (*ClusterInfo, error) {
	resp, err := p.Do(ctx, &remoting.Command{Code: remoting.ReqGetBrokerClusterInfo})
	if err != nil {
		return nil, err
	}
	if err := refusal(resp); err != nil {
		return nil, err
	}
	return DecodeClusterInfo(resp.Body)
}

// refusal returns the ErrRefused in an answer, nil if it is a success.
func refusal(resp *remoting.Command) error {
	if resp.Code == remoting.RespSuccess {
		return nil
	}
	return fmt.Errorf("%w: code %d, %q", ErrRefused, resp.Code, resp.Remark)
}
