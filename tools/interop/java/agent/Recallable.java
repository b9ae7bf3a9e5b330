import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;

/**
 * recallable group topic from to seconds: a producer of messages from..to-1 that wait for a time of their own, as TimedProduce
 * sends them. "recall producer=ID from to" takes back some of them.
 */
final class Recallable implements Agent.Stoppable {
    private final String topic;
    private final DefaultMQProducer producer;
    private final Map<Integer, SendResult> sent = new ConcurrentHashMap<>();

    Recallable(String namesrv, Command c) throws Exception {
        topic = c.get("topic");
        producer = Produce.producer(namesrv, c);
        producer.start();
        for (int n = c.number("from"); n < c.number("to"); n++) {
            SendResult r = producer.send(TimedProduce.message(c, n));
            sent.put(n, r);
            Report.sent(c.id(), n, 1, r);
        }
    }

    void recall(Command c) throws Exception {
        for (int n = c.number("from"); n < c.number("to"); n++) {
            TimedProduce.recall(producer, topic, sent.get(n));
        }
    }

    @Override public void stop() {
        producer.shutdown();
    }
}
