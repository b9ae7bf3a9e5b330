import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;

/**
 * order group topic from to orders: sends messages from..to-1, one after the other; message n belongs to order
 * n % orders, whose number chooses the queue. The body is "order/n".
 */
final class OrderedProduce {
    private final Command c;
    private final DefaultMQProducer producer;

    OrderedProduce(String namesrv, Command c) {
        this.c = c;
        producer = Produce.producer(namesrv, c);
    }

    void run() throws Exception {
        producer.start();
        try {
            int orders = c.number("orders");
            for (int n = c.number("from"); n < c.number("to"); n++) {
                int order = n % orders;
                Message m = new Message(c.get("topic"), "TagO", "order-" + order, (order + "/" + n).getBytes(StandardCharsets.UTF_8));
                m.putUserProperty("n", String.valueOf(n));
                m.putUserProperty("order", String.valueOf(order));
                Report.sent(c.id(), n, 1, producer.send(m, (queues, msg, arg) -> queues.get((Integer) arg % queues.size()), order));
            }
        } finally {
            producer.shutdown();
        }
    }
}
