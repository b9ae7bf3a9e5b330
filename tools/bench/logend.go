package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"pairmq/internal/remoting"
)

// A logState is how far a broker's log reaches.
type logState struct {
	end    int64 // bytes
	behind int64 // bytes of it that consumers cannot have yet
	partly bool  // it is not indexed yet, and nothing is stored
	at     time.Time
}

// logEnd asks a broker, with the request that answers its runtime information.
// A broker that has not come up yet answers with an error, which says nothing.
// What it answers is metered, unless m is nil.
func logEnd(ctx context.Context, addr string, m *meter) (logState, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var opts remoting.ClientOptions
	if m != nil {
		opts.Dial = m.dial
	}
	c := remoting.NewClient(opts)
	defer c.Close()
	resp, err := c.Call(ctx, addr, &remoting.Command{Code: remoting.ReqGetBrokerRuntimeInfo})
	at := time.Now()
	if err != nil {
		return logState{}, err
	}
	if resp.Code != 0 {
		return logState{at: at}, nil
	}
	return parseLogEnd(resp.Body, at)
}

func parseLogEnd(body []byte, at time.Time) (logState, error) {
	var info struct{ Table map[string]string }
	if err := json.Unmarshal(body, &info); err != nil {
		return logState{}, fmt.Errorf("runtime information: %w", err)
	}
	end, err := strconv.ParseInt(info.Table["commitLogMaxOffset"], 10, 64)
	behind, err2 := strconv.ParseInt(info.Table["dispatchBehindBytes"], 10, 64)
	if err := errors.Join(err, err2); err != nil {
		return logState{}, fmt.Errorf("runtime information: %w", err)
	}
	return logState{end: end, behind: behind, partly: info.Table["indexing"] != "", at: at}, nil
}
