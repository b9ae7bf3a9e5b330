package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"pairmq/internal/remoting"
	"pairmq/store/folder"
)

// verifyAlone has a broker verify its own log, piece by piece, as far as it reaches
// when it is begun. What was found until an error is returned with it.
func (s *session) verifyAlone(ctx context.Context) (*folderCheck, error) {
	c := &folderCheck{Where: s.broker, Findings: []folder.Finding{}, Index: "compared", online: true}
	c.Queues = []folder.Queue{}
	piece, err := s.checkPiece(ctx, 0)
	if err != nil {
		return nil, err
	}
	c.Start = piece.Start
	end := piece.End
	p := newProgress(s.env, fmt.Sprintf("of %d MiB verified", (end-c.Start)>>20), true)
	defer p.done()
	for {
		for _, f := range piece.Findings {
			c.found(f)
		}
		c.Unlisted += piece.Unlisted
		c.Records += piece.Records
		if c.End = piece.Next; c.End >= end {
			return c, nil
		}
		p.set((c.End - c.Start) >> 20)
		next, err := s.checkPiece(ctx, c.End)
		if err != nil {
			return c, err
		}
		if next.Next <= c.End {
			return c, fmt.Errorf("%s verifies nothing behind %d of its log, which reaches to %d", s.broker, c.End, next.End)
		}
		piece = next
	}
}

// checkPiece has the broker verify one piece.
func (s *session) checkPiece(ctx context.Context, start int64) (c folder.Checked, err error) {
	req := &remoting.Command{Code: remoting.ReqCheckLog}
	req.Fields.AddInt("start", start)
	resp, err := s.callWithin(ctx, max(s.timeout, verifyTime), s.broker, req)
	if r, ok := errors.AsType[*refusal](err); ok && r.code == remoting.RespRequestCodeNotSupported {
		return c, fmt.Errorf("%s does not verify its log: it is a broker of Apache, or an older pairmqd: %w", s.broker, err)
	}
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(resp.Body, &c); err != nil {
		return c, fmt.Errorf("%s: what it found: %w", s.broker, err)
	}
	return c, nil
}
