package interop

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/wire"
)

// consumerStatus has the broker ask consumers how far they are, for an operator.
func consumerStatus(t *testing.T, w *world, client *agents.Agent) {
	const queues = 4
	topic := name(t)
	w.topic(t, topic, queues)
	sent := w.send(t, topic, 0, 40, queues)
	ctx := within(t, time.Minute)
	c, err := client.Push(ctx, agents.Subscription{Group: "C_" + topic, Topic: topic, Instance: topic})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(ctx, distinct(len(sent))); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, "the consumer says that it has consumed everything", func() error {
		at, err := client.Status(ctx, "C_"+topic, topic)
		if err != nil {
			t.Fatal(err)
		}
		for q := range int32(queues) {
			if at[q] != int64(len(sent)/queues) {
				return fmt.Errorf("it is at %v", at)
			}
		}
		return nil
	})
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// TestResumeHalf has an operator resume what a producer that was away has not decided.
func TestResumeHalf(t *testing.T) {
	t.Parallel() // it waits more than it works
	w := newWorldWith(t, map[string]string{"flushDiskType": "ASYNC_FLUSH", "transactionTimeOut": "1000", "transactionCheckInterval": "3000", "transactionCheckMax": "1"})
	const halves, givenUp = "RMQ_SYS_TRANS_HALF_TOPIC", "TRANS_CHECK_MAX_TIME_TOPIC"
	for n, client := range w.clients {
		if !client.Java {
			continue
		}
		t.Run(client.Name, func(t *testing.T) {
			topic := "H_" + dotless(client.Name)
			w.topic(t, topic, 1)
			ctx := within(t, 2*time.Minute)
			m := wire.Message{Topic: topic, Body: []byte("who decides?"), Properties: map[string]string{"TRAN_MSG": "true", "PGROUP": "Away", "UNIQ_KEY": topic}}
			if _, err := w.conn.Send(ctx, m); err != nil {
				t.Fatal(err)
			}
			var id string
			eventually(ctx, t, "the half is given up", func() error {
				p, err := w.conn.Pull(ctx, "operator", givenUp, 0, int64(n), 0)
				if err != nil || len(p.Records) == 0 {
					return fmt.Errorf("%d records, %v", len(p.Records), err)
				}
				at := netip.MustParseAddrPort(w.target.Broker)
				id = fmt.Sprintf("%X%08X%016X", at.Addr().AsSlice(), at.Port(), p.Records[0].PhyOffset)
				return nil
			})
			before, err := w.conn.MaxOffset(ctx, halves, 0)
			if err != nil {
				t.Fatal(err)
			}
			resumed := make(chan error, 1)
			go func() { resumed <- client.Resume(ctx, givenUp, id) }() // which takes longer than the broker
			eventually(ctx, t, "it is a half again", func() error {
				p, err := w.conn.Pull(ctx, "operator", halves, 0, before, 0)
				if err != nil || len(p.Records) == 0 {
					return fmt.Errorf("%d records, %v", len(p.Records), err)
				}
				r := p.Records[0]
				_, err = w.conn.Do(ctx, wire.NewCommand(wire.EndTransaction, "producerGroup", "Away", "tranStateTableOffset", r.QueueOffset,
					"commitLogOffset", r.PhyOffset, "commitOrRollback", 8, "fromTransactionCheck", true, "msgId", topic))
				return err
			})
			if err := <-resumed; err != nil {
				t.Error(err)
			}
			eventually(ctx, t, "it is delivered", func() error { return w.has(t, topic, 1, 1) })
		})
	}
}
