package pair

import (
	"context"
	"errors"
	"fmt"

	"pairmq/internal/remoting"
)

// ErrPlain says that a broker does not exchange states: it is not one of ours.
var ErrPlain = errors.New("pair: the broker knows no epochs")

// Ask tells the broker at addr (host:port, for clients) this one's state and
// returns its. It fails with ErrPlain, with ErrState, or with what kept the
// broker from answering.
func Ask(ctx context.Context, c Conns, addr string, own *State) (State, error) {
	body, err := own.Encode()
	if err != nil {
		return State{}, fmt.Errorf("pair: encode the own state: %w", err)
	}
	conn, err := c.Conn(ctx, addr)
	if err != nil {
		return State{}, err
	}
	resp, err := conn.Call(ctx, &remoting.Command{Code: remoting.ReqExchangePairState, Body: body})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		_ = conn.Close() // its peer may be gone without a word: dial anew
		return State{}, err
	case err != nil:
		return State{}, err
	case resp.Code == remoting.RespRequestCodeNotSupported:
		return State{}, fmt.Errorf("%w: %s", ErrPlain, addr)
	case resp.Code != remoting.RespSuccess:
		return State{}, fmt.Errorf("pair: %s answers %s: %.200q", addr, remoting.ResponseName(resp.Code), resp.Remark)
	}
	return Decode(resp.Body)
}
