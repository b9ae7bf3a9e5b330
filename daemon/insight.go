package main

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"pairmq/daemon/broker"
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

// lastLines serves 31009: what the flight recorder has.
func (t *tenure) lastLines(req *remoting.Request) error {
	rec := flight.Of(t.log)
	if rec == nil {
		return broker.Refuse(remoting.RespRequestCodeNotSupported, "nothing is recorded")
	}
	body, err := json.Marshal(struct {
		Now     time.Time      `json:"now"`
		Version string         `json:"version"`
		Entries []flight.Entry `json:"entries"`
	}{time.Now().UTC(), version, rec.Entries()})
	if err != nil {
		return err
	}
	req.Reply(&remoting.Response{Code: remoting.RespSuccess, Body: body})
	return nil
}

// goroutines serves 31011, for callers on this machine alone: what every goroutine is
// doing. They stand still while that is written.
func (t *tenure) goroutines(req *remoting.Request) error {
	if !sameMachine(req.Conn().RemoteAddr().Addr(), req.Conn().LocalAddr().Addr()) {
		return broker.Refuse(remoting.RespNoPermission, "only this machine may ask what the goroutines do")
	}
	stacks := make([]byte, maxStacks)
	req.Reply(&remoting.Response{Code: remoting.RespSuccess, Body: stacks[:runtime.Stack(stacks, true)]})
	return nil
}

// sameMachine says whether who calls from one address is on the machine that was called
// at the other.
func sameMachine(from, to netip.Addr) bool {
	return from.Unmap().IsLoopback() || from.IsValid() && from.Unmap() == to.Unmap()
}
