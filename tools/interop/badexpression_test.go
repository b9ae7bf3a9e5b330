package interop

import (
	"fmt"
	"strings"

	"pairmq/tools/interop/wire"
)

// badExpressions are those that no client has, by each request that brings one along. In a
// header there is no room for the longest; a heartbeat with one counts, and its pulls are refused.
func badExpressions() []badRequest {
	pull := func(text string) *wire.Command {
		return wire.PullRequest("BadGroup", "Bad", 0, 0, 0).With("expressionType", "SQL92").With("subscription", text)
	}
	subscription := func(text string) string {
		return fmt.Sprintf(`{"topic":"Bad","subString":%q,"expressionType":"SQL92","subVersion":1}`, text)
	}
	ask := func(text string) *wire.Command {
		req := wire.NewCommand(wire.CheckClient)
		req.Body = []byte(`{"clientId":"bad","group":"BadExpressions","subscriptionData":` + subscription(text) + `}`)
		return req
	}
	beat := func(text string) *wire.Command {
		req := wire.NewCommand(wire.HeartBeat)
		req.Body = []byte(`{"clientID":"bad","consumerDataSet":[{"groupName":"BadExpressions","messageModel":"CLUSTERING","consumeType":"CONSUME_PASSIVELY",` +
			`"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","subscriptionDataSet":[` + subscription(text) + `]}],"producerDataSet":[]}`)
		return req
	}
	const mega = 1 << 20
	long := func(bytes int) string { return "a = '" + strings.Repeat("x", bytes-len("a = ''")) + "'" }
	nested := strings.Repeat("(", 10_000) + "a IS NULL" + strings.Repeat(")", 10_000)
	refused, done := []int{wire.ParseFailed}, []int{wire.Success}
	off := []int{wire.Success, wire.SystemError} // with a stack that is as deep as that, and where nobody has switched it on
	return []badRequest{
		{"expression of 1 MB in a header", pull(long(mega)), []int{closed}, []int{wire.PullRetry}},
		{"expression of 60 KB in a header", pull(long(60_000)), refused, []int{wire.PullRetry}},
		{"expression of 10,000 parentheses", pull(nested), refused, done},
		{"expression of 10,000 NOT", pull(strings.Repeat("NOT ", 10_000) + "a IS NULL"), refused, done},
		{"expression that is none", pull("a ="), refused, done},
		{"question about an expression of 1 MB", ask(long(mega)), refused, off},
		{"question about an expression of 1,000,000 bytes", ask(long(1_000_000)), refused, off},
		{"question about 10,000 parentheses", ask(nested), refused, off},
		{"heartbeat with an expression of 1 MB", beat(long(mega)), []int{wire.SystemError}, done}, // longer than what is read
		{"heartbeat with an expression of 1,000,000 bytes", beat(long(1_000_000)), done, nil},
		{"heartbeat with 10,000 parentheses", beat(nested), done, nil},
	}
}
