import java.util.Collections;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * tries group topic broker readonly writeonly forbidden max [longest longestgroup]: a client does what a broker allows and what it does not, and
 * reports how each was answered: the status, the code of the broker, or the exception. Bodies are limited to max bytes; topics
 * are one that can only be read, one that can only be written, and a group that may not consume is forbidden. Of names the
 * longest topic and group are tried, if there are any, and one that is longer.
 */
final class Tries {
    /** Beyond what the two bytes of a length say. */
    private static final int LONG_PROPERTY = 40_000;

    /** One thing tried, whose answer is a line. */
    private interface Attempt {
        String run() throws Exception;
    }

    private final String namesrv;
    private final Command c;
    private final int max;
    private final DefaultMQProducer producer;

    Tries(String namesrv, Command c) {
        this.namesrv = namesrv;
        this.c = c;
        max = c.number("max");
        producer = Produce.producer(namesrv, c);
        producer.setMaxMessageSize(2 * max);
        producer.setCompressMsgBodyOverHowmuch(2 * max); // so that bodies arrive as large as they are
    }

    void run() throws Exception {
        producer.start();
        try {
            attempt("small body", () -> send(body(10)));
            attempt("largest body", () -> send(body(max)));
            attempt("body too large", () -> send(body(max + 1)));
            attempt("property too long", () -> {
                Message m = body(10);
                m.putUserProperty("long", new String(new char[LONG_PROPERTY]).replace('\0', 'v'));
                return send(m);
            });
            attempt("send to read", () -> producer.send(new Message(c.get("readonly"), new byte[10])).getSendStatus().name());
            attempt("send to written", () -> producer.send(new Message(c.get("writeonly"), new byte[10])).getSendStatus().name());
            if (names()) {
                attempt("send to longest name", () -> producer.send(new Message(c.get("longest"), new byte[10])).getSendStatus().name());
                attempt("send to name too long", () -> producer.send(new Message(c.get("longest") + "T", new byte[10])).getSendStatus().name());
                attempt("send to the broker's own", () -> producer.send(new Message("SCHEDULE_TOPIC_XXXX", new byte[10])).getSendStatus().name());
            }
        } finally {
            producer.shutdown();
        }
        if (names()) {
            attempt("pull by longest group", () -> pull(c.get("longestgroup"), "topic"));
        }
        attempt("pull of read", () -> pull(c.get("group"), "readonly"));
        attempt("pull of written", () -> pull(c.get("group"), "writeonly"));
        attempt("pull of forbidden", () -> pull(c.get("forbidden"), "topic"));
    }

    private boolean names() {
        return !c.or("longest", "").isEmpty();
    }

    private String send(Message m) throws Exception {
        return producer.send(m).getSendStatus().name();
    }

    private Message body(int size) {
        return new Message(c.get("topic"), new byte[size]);
    }

    private MessageQueue queue(String topic) {
        return new MessageQueue(c.get(topic), c.get("broker"), 0);
    }

    private String pull(String group, String topic) throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(group);
        Clients.configure(consumer, namesrv, group + "-" + topic + "-" + c.id());
        consumer.setRegisterTopics(Collections.singleton(c.get(topic)));
        consumer.start();
        try {
            return consumer.pull(queue(topic), "*", 0, 1).getPullStatus().name();
        } finally {
            consumer.shutdown();
        }
    }

    private void attempt(String what, Attempt attempt) {
        String answer;
        try {
            answer = attempt.run();
        } catch (MQBrokerException e) {
            answer = "code " + e.getResponseCode();
        } catch (Exception e) {
            answer = "failed: " + e;
        }
        Report.event("found", "id", c.id(), "how", "tries", "asked", what, "answer", answer);
    }
}
