package main

import (
	"context"
	"errors"

	"pairmq/daemon/broker"
	"pairmq/internal/remoting"
	"pairmq/replica/pair"
)

// isPlain says whether a broker was found to be none of ours.
func isPlain(err error) bool { return errors.Is(err, pair.ErrPlain) }

// errRefused is wrapped by what a person can do something about: why roles are
// not changed.
var errRefused = errors.New("refused")

// requests are those that two of ours exchange about the pair, and what our command
// line asks of this process, by code.
func (t *tenure) requests() map[int32]func(*remoting.Request) error {
	all := map[int32]func(*remoting.Request) error{
		remoting.ReqProveHalf:          t.proveHalf,
		remoting.ReqExchangePairState:  t.exchange,
		remoting.ReqPromoteBroker:      func(req *remoting.Request) error { return t.later(req, t.promote) },
		remoting.ReqWatchMetadata:      t.watchTables,
		remoting.ReqDemoteBroker:       func(req *remoting.Request) error { return t.later(req, t.demote) },
		remoting.ReqGetBrokerHAStatus:  t.showHA,
		remoting.ReqUpdateBrokerConfig: t.updateConfig,
	}
	for code, answer := range (insight{t.platform.metrics, t.log}).requests() {
		all[code] = func(req *remoting.Request) error { answer(req); return nil }
	}
	return all
}

// proveHalf serves 31012, twice on a connection: see package proof.
func (t *tenure) proveHalf(req *remoting.Request) error {
	answer, err := t.members.Answer(req.Conn(), req.Body)
	if errors.Is(err, pair.ErrPlain) {
		return broker.Refuse(remoting.RespRequestCodeNotSupported, "this broker has no haSecretFile")
	}
	if err != nil {
		t.outsiders.Log("a client has not proven to be the other half of this pair", "remote", req.Conn().RemoteAddr().String(), "err", err)
	}
	if answer == nil && err != nil {
		return broker.Refuse(remoting.RespNoPermission, "%v", err)
	}
	req.Reply(&remoting.Response{Code: remoting.RespSuccess, Body: answer})
	return nil
}

// onlyHalves refuses who may not be the other half, and says so now and then.
func (t *tenure) onlyHalves(req *remoting.Request) error {
	if t.isHalf(req.Conn()) {
		return nil
	}
	from := req.Conn().RemoteAddr().Addr().String()
	t.outsiders.Log("a request that the other half of a pair makes was refused: if it came from there, name its address in haPeers, or give both the same haSecretFile",
		"request", remoting.RequestName(req.Code), "remote", from)
	return broker.Refuse(remoting.RespNoPermission, "%s is not in haPeers at %s, and has not proven that it has the secret of haSecretFile", from, t.cfg.BrokerName)
}

// exchange serves 31001: the answer is what this broker says of itself.
func (t *tenure) exchange(req *remoting.Request) error {
	if err := t.onlyHalves(req); err != nil {
		return err
	}
	if t.cfg.Slave() && !t.memory.Role().Slave() { // who hands over must not take it for a slave that stays one
		return broker.Refuse(remoting.RespSystemBusy, "this broker is about to be master")
	}
	body, err := t.halves.Answer(req.Body, req.Conn().RemoteAddr().Addr())
	if errors.Is(err, pair.ErrState) || errors.Is(err, pair.ErrStranger) {
		return broker.Refuse(remoting.RespInvalidParameter, "%v", err)
	}
	if err != nil {
		return err
	}
	req.Reply(&remoting.Response{Code: remoting.RespSuccess, Body: body})
	return nil
}

// watchTables serves 31004.
func (t *tenure) watchTables(req *remoting.Request) error {
	if err := t.onlyHalves(req); err != nil {
		return err
	}
	err := t.pair.tables.Serve(req)
	if errors.Is(err, remoting.ErrField) {
		return broker.Refuse(remoting.RespInvalidParameter, "%v", err)
	}
	if err != nil {
		return broker.Refuse(remoting.RespSystemBusy, "%v", err)
	}
	return nil
}

// A roleWork changes the broker's role. It returns what the answer says; unless
// it fails, the tenure is over after that.
type roleWork func(context.Context, remoting.Fields) (remoting.Fields, error)

// later has a change of roles worked on elsewhere, since it takes time. One is
// worked on at a time.
func (t *tenure) later(req *remoting.Request, work roleWork) error {
	if !t.changing.TryLock() {
		return broker.Refuse(remoting.RespSystemBusy, "a change of roles is on its way already")
	}
	log := t.log.With("request", remoting.RequestName(req.Code), "by", req.Conn().RemoteAddr().String())
	t.work.Go(func() {
		answer, err := work(t.ctx, req.Fields)
		if err == nil {
			log.Info("the broker changes its role", "brokerRole", t.cfg.BrokerRole, "next", t.memory.Role().Name)
			req.Reply(&remoting.Response{Code: remoting.RespSuccess, Fields: answer})
			t.over() // nobody unlocks: there is no other change in this tenure
			return
		}
		t.changing.Unlock() // first: who has the answer may ask again at once
		if errors.Is(err, errRefused) || errors.Is(err, remoting.ErrField) {
			t.said.Log("a change of roles was refused", "request", remoting.RequestName(req.Code), "by", req.Conn().RemoteAddr().String(), "why", err)
			req.ReplyError(remoting.RespIllegalOperation, err.Error())
			return
		}
		log.Error("a change of roles failed", "err", err)
		req.ReplyError(remoting.RespSystemError, err.Error())
	})
	return nil
}
