import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;

/** What 4.x keeps in other packages than 5.x. */
final class Versioned {
    private Versioned() {
    }

    static void broadcast(DefaultMQPushConsumer consumer) {
        consumer.setMessageModel(MessageModel.BROADCASTING);
    }

    /** 4.x pops nothing. */
    static void pop(DefaultMQPushConsumer consumer, long invisibleMillis, int[] delays) {
        throw new UnsupportedOperationException("pop");
    }

    static void delay(Message m, int way, int seconds) {
        throw new UnsupportedOperationException("4.x has delay levels alone");
    }

    static String recall(DefaultMQProducer producer, String topic, SendResult sent) {
        throw new UnsupportedOperationException("4.x cannot take back messages");
    }
}
