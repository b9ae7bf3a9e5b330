import java.util.Collection;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * lite group topic expr instance [seek=begin|end|MILLISECONDS]: a DefaultLitePullConsumer that polls until it is
 * stopped and then commits. Without seek it subscribes; with it, it assigns itself all queues and goes there first,
 * which it reports per queue ("sought").
 */
final class LitePull implements Agent.Stoppable {
    private static final long SETTLE_MILLIS = 500;

    private final DefaultLitePullConsumer consumer;
    private final Thread poller;
    private volatile boolean stopped;

    LitePull(String namesrv, Command c) throws Exception {
        consumer = new DefaultLitePullConsumer(c.get("group"), Clients.account());
        Clients.configure(consumer, namesrv, c.get("instance"));
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setPullThreadNums(4);
        String seek = c.or("seek", "");
        if (seek.isEmpty()) {
            consumer.subscribe(c.get("topic"), c.get("expr"));
        }
        consumer.start();
        if (!seek.isEmpty()) {
            assign(c, seek);
        }
        String id = c.id();
        poller = new Thread(() -> {
            while (!stopped) {
                for (MessageExt m : consumer.poll(200)) {
                    Report.message("got", id, m);
                }
            }
        });
        poller.start();
    }

    /**
     * Goes there twice: a pull that assign() has begun may come back behind seek() and make the client go on from
     * where that pull ended. Nothing tells when it is through; until then nobody polls, so nothing is delivered.
     */
    private void assign(Command c, String seek) throws Exception {
        Collection<MessageQueue> queues = consumer.fetchMessageQueues(c.get("topic"));
        consumer.assign(queues);
        seek(c, queues, seek);
        Thread.sleep(SETTLE_MILLIS);
        seek(c, queues, seek);
    }

    private void seek(Command c, Collection<MessageQueue> queues, String seek) throws Exception {
        for (MessageQueue q : queues) {
            long to = -1;
            switch (seek) {
                case "begin": consumer.seekToBegin(q); break;
                case "end": consumer.seekToEnd(q); break;
                default:
                    to = consumer.offsetForTimestamp(q, Long.parseLong(seek));
                    consumer.seek(q, to);
            }
            Report.event("sought", "id", c.id(), "q", q.getQueueId(), "qo", to);
        }
    }

    @Override public void stop() throws Exception {
        stopped = true;
        poller.join();
        consumer.commitSync();
        consumer.shutdown();
    }
}
