package main

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"pairmq/daemon/flight"
	"pairmq/internal/remoting"
)

// maxStacks bounds a dump of goroutines, in bytes.
const maxStacks = 1 << 20

// keepRecent keeps what is recorded over the end of the process, in the first of the
// folders in memory that systemd has made for RuntimeDirectory=, if there is one.
func keepRecent(rec *flight.Recorder, folders string, log *slog.Logger) {
	folder, _, _ := strings.Cut(folders, ":")
	if folder == "" {
		return
	}
	if err := rec.KeepIn(filepath.Join(folder, "recent")); err != nil {
		log.Warn("what is recorded of the last changes is not kept when this process ends", "err", err)
	}
}

// An insight is what a daemon says of itself, at the broker's port and at the name server's.
type insight struct {
	metrics func() []byte // the text of the metrics; nil: there are none
	log     *slog.Logger
}

// ahead answers the requests for an insight, and has next answer the others.
func (i insight) ahead(next remoting.Handler) remoting.Handler {
	own := i.requests()
	return remoting.HandlerFunc(func(req *remoting.Request) {
		if answer := own[req.Code]; answer != nil {
			answer(req)
			return
		}
		next.Serve(req)
	})
}

// requests are those for an insight, by code.
func (i insight) requests() map[int32]func(*remoting.Request) {
	return map[int32]func(*remoting.Request){
		remoting.ReqGetMetrics:    i.showMetrics,
		remoting.ReqGetRecent:     i.lastLines,
		remoting.ReqGetGoroutines: goroutines,
	}
}

// showMetrics serves 31010: the body is the text of the metrics.
func (i insight) showMetrics(req *remoting.Request) {
	if i.metrics == nil {
		req.ReplyError(remoting.RespRequestCodeNotSupported, "this daemon shows no metrics")
		return
	}
	req.Reply(&remoting.Response{Code: remoting.RespSuccess, Body: i.metrics()})
}

// lastLines serves 31009: what the flight recorder has.
func (i insight) lastLines(req *remoting.Request) {
	rec := flight.Of(i.log)
	if rec == nil {
		req.ReplyError(remoting.RespRequestCodeNotSupported, "nothing is recorded")
		return
	}
	body, err := json.Marshal(struct {
		Now     time.Time      `json:"now"`
		Version string         `json:"version"`
		Entries []flight.Entry `json:"entries"`
	}{time.Now().UTC(), version, rec.Entries()})
	if err != nil {
		req.ReplyError(remoting.RespSystemError, err.Error())
		return
	}
	req.Reply(&remoting.Response{Code: remoting.RespSuccess, Body: body})
}

// goroutines serves 31011, for callers on this machine alone: what every goroutine is
// doing. They stand still while that is written.
func goroutines(req *remoting.Request) {
	if !sameMachine(req.Conn().RemoteAddr().Addr(), req.Conn().LocalAddr().Addr()) {
		req.ReplyError(remoting.RespNoPermission, "only this machine may ask what the goroutines do")
		return
	}
	stacks := make([]byte, maxStacks)
	req.Reply(&remoting.Response{Code: remoting.RespSuccess, Body: stacks[:runtime.Stack(stacks, true)]})
}

// sameMachine says whether who calls from one address is on the machine that was called
// at the other.
func sameMachine(from, to netip.Addr) bool {
	return from.Unmap().IsLoopback() || from.IsValid() && from.Unmap() == to.Unmap()
}
