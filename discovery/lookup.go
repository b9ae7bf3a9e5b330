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

// Route asks who serves topic. It fails with ErrNoRoute, with ErrRefused, as
// Do, and as DecodeRoute.
func (p *Picker) Route(ctx context.Context, topic string) (*TopicRouteData, error) {
	resp, err := p.Do(ctx, &remoting.Command{
		Code:   remoting.ReqGetRouteinfoByTopic,
		Fields: remoting.Fields{{Key: "topic", Value: topic}, {Key: "acceptStandardJsonOnly", Value: "true"}},
	})
	if err != nil {
		return nil, err
	}
	if resp.Code == remoting.RespTopicNotExist {
		return nil, fmt.Errorf("%w for topic %s", ErrNoRoute, topic)
	}
	if err := refusal(resp); err != nil {
		return nil, err
	}
	return DecodeRoute(resp.Body)
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
