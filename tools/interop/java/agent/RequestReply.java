import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * answer group topic expr instance: a push consumer that replies to every message, with its body behind "re: ". Those of the
 * tag Held wait for "release consumer=ID" before.
 */
final class RequestReply implements Agent.Stoppable {
    static final String HELD = "Held";

    private static final long TIMEOUT = 10_000;

    private final DefaultMQPushConsumer consumer;
    private final DefaultMQProducer replies;
    private final CountDownLatch released = new CountDownLatch(1);

    RequestReply(String namesrv, Command c) throws Exception {
        replies = Produce.producer(namesrv, c);
        replies.setProducerGroup(c.get("group") + "-replies");
        replies.start();
        consumer = Clients.pushConsumer(c.get("group"));
        Clients.configure(consumer, namesrv, c.get("instance"));
        consumer.subscribe(c.get("topic"), c.get("expr"));
        String id = c.id();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            try {
                for (MessageExt m : messages) {
                    Report.message("got", id, m);
                    if (HELD.equals(m.getTags())) {
                        released.await();
                    }
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

    void release() {
        released.countDown();
    }

    @Override public void stop() {
        release();
        consumer.shutdown();
        replies.shutdown();
    }
}
