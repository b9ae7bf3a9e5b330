import java.lang.reflect.Field;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.impl.consumer.DefaultMQPushConsumerImpl;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;

/** What 5.x keeps in other packages than 4.x, and what it alone has. */
final class Versioned {
    private Versioned() {
    }

    static void broadcast(DefaultMQPushConsumer consumer) {
        consumer.setMessageModel(MessageModel.BROADCASTING);
    }

    /** The broker says what the consumer pops; what it wants later comes again after these delays, which nothing public sets: its own begin with 10 s. */
    static void pop(DefaultMQPushConsumer consumer, long invisibleMillis, int[] delays) throws ReflectiveOperationException {
        Field own = DefaultMQPushConsumerImpl.class.getDeclaredField("popDelayLevel");
        own.setAccessible(true);
        System.arraycopy(delays, 0, own.get(consumer.getDefaultMQPushConsumerImpl()), 0, delays.length);
        consumer.setClientRebalance(false);
        consumer.setPopInvisibleTime(invisibleMillis);
    }

    /** Has a message wait for so many seconds: by a delay in ms (0), in seconds (1), or by a time (2). */
    static void delay(Message m, int way, int seconds) {
        switch (way) {
            case 0: m.setDelayTimeMs(seconds * 1000L); break;
            case 1: m.setDelayTimeSec(seconds); break;
            default: m.setDeliverTimeMs(System.currentTimeMillis() + seconds * 1000L);
        }
    }

    static String recall(DefaultMQProducer producer, String topic, SendResult sent) throws Exception {
        return producer.recallMessage(topic, sent.getRecallHandle());
    }
}
