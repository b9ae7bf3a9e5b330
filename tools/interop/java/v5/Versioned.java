import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;

/** What 5.x keeps in other packages than 4.x. */
final class Versioned {
    private Versioned() {
    }

    static void broadcast(DefaultMQPushConsumer consumer) {
        consumer.setMessageModel(MessageModel.BROADCASTING);
    }

    /** The broker says what the consumer pops. */
    static void pop(DefaultMQPushConsumer consumer, long invisibleMillis) {
        consumer.setClientRebalance(false);
        consumer.setPopInvisibleTime(invisibleMillis);
    }
}
