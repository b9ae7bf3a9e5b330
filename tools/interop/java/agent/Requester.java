import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;

/**
 * requester group topic: a producer of requests. "ask requester=ID n timeout=MILLISECONDS held" sends one with the body n and
 * waits for its reply, which has to be that of a replier; with held=true the replier keeps it until it is released.
 */
final class Requester implements Agent.Stoppable {
    private final String topic;
    private final DefaultMQProducer producer;

    Requester(String namesrv, Command c) throws Exception {
        topic = c.get("topic");
        producer = Produce.producer(namesrv, c);
        producer.start();
    }

    void ask(Command c) throws Exception {
        String n = c.get("n");
        String tag = c.get("held").equals("true") ? RequestReply.HELD : "";
        Message reply = producer.request(new Message(topic, tag, n.getBytes(StandardCharsets.UTF_8)), Long.parseLong(c.get("timeout")));
        String body = new String(reply.getBody(), StandardCharsets.UTF_8);
        if (!body.equals("re: " + n)) {
            throw new IllegalStateException("request " + n + " got the reply " + body);
        }
    }

    @Override public void stop() {
        producer.shutdown();
    }
}
