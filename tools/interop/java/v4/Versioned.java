import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;

/** What 4.x keeps in other packages than 5.x. */
final class Versioned {
    private Versioned() {
    }

    static void broadcast(DefaultMQPushConsumer consumer) {
        consumer.setMessageModel(MessageModel.BROADCASTING);
    }

    /** 4.x pops nothing. */
    static void pop(DefaultMQPushConsumer consumer, long invisibleMillis) {
        throw new UnsupportedOperationException("pop");
    }
}
