import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;

/**
 * delay group topic from to levels: sends messages from..to-1, one after the other; message n waits at level
 * levels[n % length], at none if that is 0, and as many seconds if it is negative, by the property that 5.x's calls set.
 * The body is "later n".
 */
final class DelayedProduce {
    private final Command c;
    private final DefaultMQProducer producer;

    DelayedProduce(String namesrv, Command c) {
        this.c = c;
        producer = Produce.producer(namesrv, c);
    }

    void run() throws Exception {
        producer.start();
        try {
            String[] levels = c.get("levels").split(",");
            for (int n = c.number("from"); n < c.number("to"); n++) {
                Message m = new Message(c.get("topic"), "TagL", "later-" + n, ("later " + n).getBytes(StandardCharsets.UTF_8));
                m.putUserProperty("n", String.valueOf(n));
                int level = Integer.parseInt(levels[n % levels.length]);
                if (level > 0) {
                    m.setDelayTimeLevel(level);
                } else if (level < 0) { // 4.x has no call for it
                    MessageAccessor.putProperty(m, "TIMER_DELAY_MS", String.valueOf(-level * 1000L));
                }
                Report.sent(c.id(), n, 1, producer.send(m));
            }
        } finally {
            producer.shutdown();
        }
    }
}
