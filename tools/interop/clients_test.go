package interop

import (
	"testing"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
)

// TestClients runs every scenario with every client against one broker.
func TestClients(t *testing.T) {
	w := newWorld(t)
	t.Run("ProduceConsume", func(t *testing.T) {
		produceConsume(t, w)
		memory(t, w.target)
	})
	scenarios := []struct {
		name  string
		run   func(*testing.T, *world, *agents.Agent)
		java  bool // rocketmq-client-go has no such call
		lite  bool // Java does it with DefaultLitePullConsumer
		timed bool // 5.x alone has it
	}{
		{name: "Rebalance", run: rebalance},
		{name: "Ordered", run: ordered},
		{name: "Broadcast", run: broadcast},
		{name: "Tags", run: tags},
		{name: "Delay", run: delay},
		{name: "Timed", run: timed, java: true, timed: true},
		{name: "Retry", run: retry},
		{name: "RetryOrdered", run: retryOrdered},
		{name: "Expressions", run: byExpression},
		{name: "StartOffsets", run: startOffsets},
		{name: "Restart", run: restart},
		{name: "Reset", run: reset},
		{name: "ResetBroadcast", run: resetBroadcast},
		{name: "ResetQueue", run: resetQueue},
		{name: "Poll", run: poll, lite: true},
		{name: "Seek", run: seek, java: true, lite: true},
		{name: "Pull", run: pull},
		{name: "Status", run: consumerStatus, java: true},
		{name: "Asked", run: asked},
		{name: "Limits", run: limits},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			for _, client := range w.clients {
				if s.java && !client.Java {
					continue
				}
				t.Run(client.Name, func(t *testing.T) {
					if s.lite && client.Name == "java-"+peers.V5 && w.target.Kind == target.ApacheV4 {
						t.Skip("a 4.x broker does not know LITE_PULL_MESSAGE, with which 5.x's DefaultLitePullConsumer pulls")
					}
					if s.timed && (client.Name != "java-"+peers.V5 || w.target.Kind == target.ApacheV4) {
						t.Skip("4.x has delay levels alone")
					}
					t.Parallel()
					own := *w // a connection that idles for two minutes is closed
					own.conn = dial(t, w.target)
					s.run(t, &own, client)
				})
			}
		})
	}
}
