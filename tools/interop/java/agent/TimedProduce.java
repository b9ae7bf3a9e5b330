import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;

/**
 * timed group topic from to seconds recall: sends messages from..to-1, one after the other, that wait for so many
 * seconds: by setDelayTimeMs, setDelayTimeSec and setDeliverTimeMs in turn. If recall is 1 each is taken back at once.
 * The body is "later n".
 */
final class TimedProduce {
    private final Command c;
    private final DefaultMQProducer producer;

    TimedProduce(String namesrv, Command c) {
        this.c = c;
        producer = Produce.producer(namesrv, c);
    }

    void run() throws Exception {
        producer.start();
        try {
            for (int n = c.number("from"); n < c.number("to"); n++) {
                SendResult r = producer.send(message(c, n));
                Report.sent(c.id(), n, 1, r);
                if (c.number("recall") == 1) {
                    recall(producer, c.get("topic"), r);
                }
            }
        } finally {
            producer.shutdown();
        }
    }

    static Message message(Command c, int n) {
        Message m = new Message(c.get("topic"), "TagL", "later-" + n, ("later " + n).getBytes(StandardCharsets.UTF_8));
        m.putUserProperty("n", String.valueOf(n));
        Versioned.delay(m, n % 3, c.number("seconds"));
        return m;
    }

    static void recall(DefaultMQProducer producer, String topic, SendResult sent) throws Exception {
        String id = Versioned.recall(producer, topic, sent);
        if (!sent.getMsgId().equals(id)) {
            throw new IllegalStateException("took back " + id + ", not " + sent.getMsgId());
        }
    }
}
