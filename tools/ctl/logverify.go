package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pairmq/discovery"
	"pairmq/internal/remoting"
)

// How logs are compared, in bytes, and how long a broker may read for it.
const (
	verifyPiece = 1 << 20  // that has one checksum
	verifyRange = 16 << 20 // asked for at once
	verifyTime  = time.Minute
)

// logState is what a broker says of its log.
type logState struct {
	addr       string // where it was asked
	name       string // brokerName
	self       string // the address it registers
	start, end int64  // bytes that can be compared
	readOnly   bool
}

// logFinding is one part in which two logs differ, as request 31007 tells it.
type logFinding struct {
	Kind    string `json:"kind"` // REPAIRED, BAD_HERE, BAD_THERE, BAD_BOTH or DIVERGED
	From    int64  `json:"from"`
	To      int64  `json:"to"`
	Records int    `json:"records,omitempty"`
	Here    string `json:"here,omitempty"`
	There   string `json:"there,omitempty"`
	Copy    string `json:"copy,omitempty"`
	Note    string `json:"note,omitempty"`
}

// verification is what came out of comparing two logs.
type verification struct {
	Broker   string       `json:"broker"`
	Peer     string       `json:"peer"`
	From     int64        `json:"from"` // bytes
	To       int64        `json:"to"`   // up to here they were compared
	Start    int64        `json:"brokerStart"`
	End      int64        `json:"brokerEnd"` // of its log, which the peer's need not reach
	ReadOnly bool         `json:"readOnly,omitempty"`
	Findings []logFinding `json:"findings"`
}

// logState asks the broker at addr.
func (s *session) logState(ctx context.Context, addr string) (st logState, err error) {
	resp, err := s.call(ctx, addr, &remoting.Command{Code: remoting.ReqGetLogChecksums, Fields: remoting.Fields{{Key: "start", Value: "0"}, {Key: "end", Value: "0"}}})
	if err != nil {
		if r, ok := errors.AsType[*refusal](err); ok && r.code == remoting.RespRequestCodeNotSupported {
			err = fmt.Errorf("%s shows nobody its log: it is a broker of Apache, or an older pairmqd: %w", addr, err)
		}
		return st, err
	}
	st = logState{addr: addr, name: resp.Fields.Get("brokerName"), self: resp.Fields.Get("brokerAddr")}
	if st.start, err = resp.Fields.Int64("minPhyOffset"); err == nil {
		st.end, err = resp.Fields.Int64("endPhyOffset")
	}
	if err == nil {
		st.readOnly, err = resp.Fields.BoolOr("readOnly", false)
	}
	if err != nil {
		return st, fmt.Errorf("%s: %w", addr, err)
	}
	return st, nil
}

// otherOf returns the address of the one other broker with the same name.
func (s *session) otherOf(ctx context.Context, st logState) (string, error) {
	servers, err := s.nameServers()
	if err != nil {
		return "", err
	}
	picker, err := discovery.NewPicker(discovery.PickerOptions{Servers: servers, Client: s.client, TryTimeout: s.timeout})
	if err != nil {
		return "", err
	}
	info, err := picker.Cluster(ctx)
	if err != nil {
		return "", fmt.Errorf("who is the other broker of %s? --peer tells: %w", st.name, err)
	}
	var others []string
	for _, addr := range info.BrokerAddrTable[st.name].BrokerAddrs {
		if addr != st.self && addr != st.addr {
			others = append(others, addr)
		}
	}
	if len(others) != 1 {
		slices.Sort(others)
		return "", usage("--peer is missing: the name servers know %d other brokers of %s (%s)", len(others), st.name, strings.Join(others, ", "))
	}
	return others[0], nil
}

// verifyLogs compares the logs of two brokers. What it found until an error is
// returned with it.
func (s *session) verifyLogs(ctx context.Context, a verifyArgs) (*verification, error) {
	here, err := s.logState(ctx, s.broker)
	if err != nil {
		return nil, err
	}
	peer := a.peer
	if peer == "" {
		if peer, err = s.otherOf(ctx, here); err != nil {
			return nil, err
		}
	}
	if peer, err = discovery.ParseAddr(peer); err != nil {
		return nil, usage("--peer: %w", err)
	}
	there, err := s.logState(ctx, peer)
	if err != nil {
		return nil, err
	}
	if here.name != there.name {
		return nil, fmt.Errorf("%s is %s and %s is %s: they are no pair", here.addr, safe(here.name), there.addr, safe(there.name))
	}
	v := &verification{Broker: here.addr, Peer: there.addr, From: max(here.start, there.start), Start: here.start, End: here.end, ReadOnly: here.readOnly, Findings: []logFinding{}}
	end := min(here.end, there.end)
	if v.To = v.From; end < v.From {
		return nil, fmt.Errorf("there is nothing to compare: %s has bytes %d to %d, %s has %d to %d", here.addr, here.start, here.end, there.addr, there.start, there.end)
	}
	p := newProgress(s.env, fmt.Sprintf("of %d MiB compared", (end-v.From)>>20), true)
	defer p.done()
	for v.To < end {
		parted, err := s.verifyRange(ctx, v, min(v.To+verifyRange, end), !a.dryRun)
		if err != nil {
			if start, ok := s.retired(ctx, v, err); ok {
				v.To = min(start, end)
				continue
			}
			return v, err
		}
		if p.set((v.To - v.From) >> 20); parted {
			v.Findings[len(v.Findings)-1].To = end
			break
		}
	}
	return v, nil
}

// retired says whether err came because what is to be compared next was given
// back meanwhile, and where both logs start now.
func (s *session) retired(ctx context.Context, v *verification, err error) (start int64, ok bool) {
	if r, ok := errors.AsType[*refusal](err); !ok || r.code != remoting.RespPullOffsetMoved {
		return 0, false
	}
	for _, addr := range []string{v.Broker, v.Peer} {
		st, err := s.logState(ctx, addr)
		if err != nil {
			return 0, false
		}
		start = max(start, st.start)
	}
	return start, start > v.To
}

// verifyRange compares from v.To to end, and moves v.To there or to where the logs
// part.
func (s *session) verifyRange(ctx context.Context, v *verification, end int64, repair bool) (parted bool, err error) {
	var theirs []byte
	asked := make(chan error, 1)
	go func() {
		var err error
		theirs, err = s.logSums(ctx, v.Peer, v.To, end)
		asked <- err
	}()
	ours, err := s.logSums(ctx, v.Broker, v.To, end)
	if err := errors.Join(err, <-asked); err != nil {
		return false, err
	}
	for v.To < end {
		next := min(v.To+verifyPiece, end)
		same := bytes.Equal(ours[:4], theirs[:4])
		if ours, theirs = ours[4:], theirs[4:]; !same {
			if parted, err = s.verifyDetails(ctx, v, next, repair); err != nil || parted {
				return parted, err
			}
		}
		v.To = next
	}
	return false, nil
}

// logSums asks for the checksums of the pieces from start to end, 4 bytes each.
func (s *session) logSums(ctx context.Context, addr string, start, end int64) ([]byte, error) {
	req := &remoting.Command{Code: remoting.ReqGetLogChecksums}
	req.Fields.AddInt("start", start)
	req.Fields.AddInt("end", end)
	req.Fields.AddInt("piece", verifyPiece)
	resp, err := s.callWithin(ctx, max(s.timeout, verifyTime), addr, req)
	if err != nil {
		return nil, err
	}
	if want := (end - start + verifyPiece - 1) / verifyPiece * 4; int64(len(resp.Body)) != want {
		return nil, fmt.Errorf("%s: %d bytes of checksums, want %d", addr, len(resp.Body), want)
	}
	return resp.Body, nil
}

// verifyDetails lets the broker find out what is wrong from v.To to end.
func (s *session) verifyDetails(ctx context.Context, v *verification, end int64, repair bool) (parted bool, err error) {
	for v.To < end {
		req := &remoting.Command{Code: remoting.ReqVerifyLog, Fields: remoting.Fields{{Key: "peer", Value: v.Peer}, {Key: "repair", Value: fmt.Sprint(repair)}}}
		req.Fields.AddInt("start", v.To)
		req.Fields.AddInt("end", end)
		resp, err := s.callWithin(ctx, max(s.timeout, verifyTime), v.Broker, req)
		if err != nil {
			return false, err
		}
		var found struct {
			End      int64        `json:"end"`
			Parted   bool         `json:"parted"`
			Findings []logFinding `json:"findings"`
		}
		if err := json.Unmarshal(resp.Body, &found); err != nil {
			return false, fmt.Errorf("%s: what it found: %w", v.Broker, err)
		}
		for _, f := range found.Findings {
			v.add(f)
		}
		switch {
		case found.Parted && len(v.Findings) > 0:
			v.To = found.End
			return true, nil
		case found.End <= v.To:
			return false, fmt.Errorf("%s compares nothing behind %d", v.Broker, v.To)
		}
		v.To = found.End
	}
	return false, nil
}

// add notes a finding, unless it is there: a part that is bad may lie in two pieces.
func (v *verification) add(f logFinding) {
	for _, old := range slices.Backward(v.Findings) {
		if old.Kind == f.Kind && old.From == f.From {
			return
		}
		if old.From < f.From {
			break
		}
	}
	v.Findings = append(v.Findings, f)
}
