// Command pairmq is the command line of pairmq: it sends and reads messages,
// shows and changes topics and groups, verifies, repairs and exports logs, shows what
// brokers and name servers are doing, and loads a broker. It works with any RocketMQ
// broker and name server; logs are those of pairmqd. Of the machine that it runs on it
// says what is wrong, collects what helps from afar, and empties the store. It makes
// certificates, and speaks TLS where it is told whom to trust.
//
// Each command has three parts: flags become a plain struct, a method of
// session does the work with it, and a print function writes what came out, as
// text for people or as JSON for programs. Who serves what is asked through
// discovery.Picker, unless --broker names one broker. The load itself is
// tools/loadgen's, the reading of a store's folder is store/folder's, and what an
// exported file looks like is store/archive's.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	e := &env{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, terminal: isTerminal(os.Stderr), sockets: defaultSockets()}
	code := execute(ctx, e, os.Args[1:])
	stop()
	os.Exit(code)
}
