import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;

/** traced group topic to: sends messages 0..to-1 and consumes them, both with traces, which are sent when this ends. */
final class Traced {
    private static final long CONSUMED_SECONDS = 60;
    /** How long traces may take: who sends them tells nobody, and some are lost when a client ends before. */
    private static final long TRACE_MILLIS = 2000;

    private Traced() {
    }

    static void run(String namesrv, Command c) throws Exception {
        int to = c.number("to");
        CountDownLatch left = new CountDownLatch(to);
        DefaultMQProducer producer = new DefaultMQProducer("P_" + c.get("group"), true, null);
        Clients.configure(producer, namesrv, "traced-producer-" + c.id());
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(c.get("group"), true, null);
        Clients.configure(consumer, namesrv, "traced-consumer-" + c.id());
        consumer.subscribe(c.get("topic"), "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(m -> left.countDown());
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        producer.start();
        try {
            for (int n = 0; n < to; n++) {
                Message m = new Message(c.get("topic"), "TagT", "traced-" + n, ("traced " + n).getBytes(StandardCharsets.UTF_8));
                Report.sent(c.id(), n, 1, producer.send(m));
            }
            if (!left.await(CONSUMED_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException(left.getCount() + " messages were not consumed");
            }
            Thread.sleep(TRACE_MILLIS);
        } finally {
            producer.shutdown();
            consumer.shutdown();
        }
    }
}
