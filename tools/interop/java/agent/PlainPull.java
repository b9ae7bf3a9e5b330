import java.util.Collections;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * pull group topic expr instance from=begin|committed|MILLISECONDS: pulls all queues to their ends with a
 * DefaultMQPullConsumer and commits. Reports per queue where it began ("sought") and all messages.
 */
final class PlainPull {
    private final Command c;
    private final DefaultMQPullConsumer consumer;

    PlainPull(String namesrv, Command c) {
        this.c = c;
        consumer = new DefaultMQPullConsumer(c.get("group"));
        Clients.configure(consumer, namesrv, c.get("instance"));
        consumer.setRegisterTopics(Collections.singleton(c.get("topic")));
    }

    void run() throws Exception {
        consumer.start();
        try {
            Set<MessageQueue> queues = consumer.fetchSubscribeMessageQueues(c.get("topic"));
            for (MessageQueue q : queues) {
                drain(q, begin(q));
            }
        } finally {
            consumer.shutdown();
        }
    }

    private long begin(MessageQueue q) throws Exception {
        String from = c.get("from");
        long offset;
        switch (from) {
            case "begin": offset = consumer.minOffset(q); break;
            case "committed": offset = consumer.fetchConsumeOffset(q, true); break;
            default: offset = consumer.searchOffset(q, Long.parseLong(from));
        }
        Report.event("sought", "id", c.id(), "q", q.getQueueId(), "qo", offset);
        return offset;
    }

    private void drain(MessageQueue q, long offset) throws Exception {
        long end = consumer.maxOffset(q);
        while (offset < end) {
            PullResult r = consumer.pullBlockIfNotFound(q, c.get("expr"), offset, 32);
            if (r.getPullStatus() == PullStatus.FOUND) {
                for (MessageExt m : r.getMsgFoundList()) {
                    Report.message("got", c.id(), m);
                }
            } else if (r.getPullStatus() != PullStatus.NO_MATCHED_MSG) {
                throw new IllegalStateException(q + " at " + offset + " of " + end + ": " + r);
            }
            offset = r.getNextBeginOffset();
        }
        consumer.updateConsumeOffset(q, offset);
        consumer.getOffsetStore().persist(q);
        PullResult r = consumer.pull(q, c.get("expr"), offset, 32);
        if (r.getPullStatus() != PullStatus.NO_NEW_MSG || r.getNextBeginOffset() != offset) {
            throw new IllegalStateException(q + " at its end " + offset + ": " + r);
        }
    }
}
