import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * answer group topic expr instance: a push consumer that replies to every message, with its body behind "re: ".
 * ask group topic to: requests to with the bodies 0, 1, ... one after the other; each has to get the reply to it.
 */
final class RequestReply implements Agent.Stoppable {
    private static final long TIMEOUT = 10_000;

    private final DefaultMQPushConsumer consumer;
    private final DefaultMQProducer replies;

    RequestReply(String namesrv, Command c) throws Exception {
        replies = Produce.producer(namesrv, c);
        replies.setProducerGroup(c.get("group") + "-replies");
        replies.start();
        consumer = new DefaultMQPushConsumer(c.get("group"));
        Clients.configure(consumer, namesrv, c.get("instance"));
        consumer.subscribe(c.get("topic"), c.get("expr"));
        String id = c.id();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            try {
                for (MessageExt m : messages) {
                    Report.message("got", id, m);
                    String body = "re: " + new String(m.getBody(), StandardCharsets.UTF_8);
                    replies.send(MessageUtil.createReplyMessage(m, body.getBytes(StandardCharsets.UTF_8)), TIMEOUT);
                }
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            } catch (Exception e) {
                e.printStackTrace();
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            }
        });
        consumer.start();
    }

    static void ask(String namesrv, Command c) throws Exception {
        DefaultMQProducer producer = Produce.producer(namesrv, c);
        producer.start();
        try {
            for (int n = 0; n < c.number("to"); n++) {
                Message reply = producer.request(new Message(c.get("topic"), String.valueOf(n).getBytes(StandardCharsets.UTF_8)), 3 * TIMEOUT);
                String body = new String(reply.getBody(), StandardCharsets.UTF_8);
                if (!body.equals("re: " + n)) {
                    throw new IllegalStateException("request " + n + " got the reply " + body);
                }
            }
        } finally {
            producer.shutdown();
        }
    }

    @Override public void stop() {
        consumer.shutdown();
        replies.shutdown();
    }
}
