package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
	"pairmq/tools/loadgen"
)

// Exit codes, as the help of the root command tells them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitPartly      = 4
	exitUnreachable = 5
)

// Causes that have an exit code of their own.
var (
	errUsage    = errors.New("wrong usage")
	errNotFound = errors.New("not found")
	errPartly   = errors.New("only a part was done")
	errDiffer   = errors.New("the logs differ")
)

// usage returns an error that the command line is to blame for.
func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errUsage, fmt.Errorf(format, args...))
}

// A refusal is the answer of a server that does not do what it was asked for.
type refusal struct {
	addr          string
	request, code int32
	remark        string
}

func (r *refusal) Error() string {
	remark := safe(strings.Join(strings.Fields(r.remark), " ")) // whatever a server sends, on one line
	return fmt.Sprintf("%s refuses %s: %s (%d): %s", r.addr, remoting.RequestName(r.request), remoting.ResponseName(r.code), r.code, remark)
}

// Is makes the codes that say so a case of errNotFound.
func (r *refusal) Is(target error) bool {
	switch r.code {
	case remoting.RespTopicNotExist, remoting.RespQueryNotFound, remoting.RespSubscriptionGroupNotExist:
		return target == errNotFound
	}
	return false
}

// exitCode returns the exit code for what a command returned.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage), errors.Is(err, loadgen.ErrOptions), errors.Is(err, loadgen.ErrRemote), errors.Is(err, table.ErrName), errors.Is(err, discovery.ErrAddr):
		return exitUsage
	case errors.Is(err, errPartly):
		return exitPartly
	case errors.Is(err, errNotFound), errors.Is(err, discovery.ErrNoRoute):
		return exitNotFound
	case unreachable(err):
		return exitUnreachable
	}
	return exitFailed
}

// unreachable tells whether nobody answered.
func unreachable(err error) bool {
	var op *net.OpError
	return errors.Is(err, discovery.ErrNoServer) || errors.Is(err, discovery.ErrBusy) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, remoting.ErrTimeout) || errors.Is(err, remoting.ErrClosed) || errors.As(err, &op)
}

// advice returns what the operator can do about err, or "".
func advice(err error) string {
	var r *refusal
	switch {
	case errors.Is(err, loadgen.ErrRemote):
		return "a load disturbs whoever uses the broker; --allow-remote says that it is meant"
	case errors.Is(err, discovery.ErrNoServer), errors.Is(err, discovery.ErrBusy):
		return "is a name server running there? name others with --namesrv or PAIRMQ_NAMESRV, or one broker with --broker"
	case errors.Is(err, discovery.ErrNoRoute):
		return "pairmq topic list shows the topics there are, pairmq topic create makes one"
	case errors.As(err, &r) && strings.Contains(r.remark, "adminAddresses"):
		return "" // the broker has said what to do
	case errors.As(err, &r):
		return adviceOnCode(r.code)
	case unreachable(err):
		return "is it running, and can this machine reach the address it registered (brokerIP1)? pairmq status shows what is there"
	}
	return ""
}

func adviceOnCode(code int32) string {
	switch code {
	case remoting.RespTopicNotExist:
		return "pairmq topic create makes a topic"
	case remoting.RespSubscriptionGroupNotExist:
		return "pairmq group create makes a group"
	case remoting.RespServiceNotAvailable:
		return "the broker stores nothing now: a slave, a full disk, or it is stopping; pairmq status shows which"
	case remoting.RespNoPermission:
		return "the broker or the topic does not allow it; pairmq topic show tells what the topic allows"
	case remoting.RespIllegalOperation:
		return "pairmq status shows which broker is what"
	case remoting.RespSystemBusy:
		return "the broker has too much to do: try again"
	case remoting.RespMessageIllegal:
		return "a message may have 4 MiB and 32767 bytes of properties"
	case remoting.RespRequestCodeNotSupported:
		return "this version of the broker does not have it"
	}
	return ""
}
