import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.List;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * push group topic expr instance [where=FIRST|LAST|TIMESTAMP] [timestamp=MILLISECONDS] [model=BROADCASTING]
 * [order=true] [type=TAG|SQL92]: a push consumer that reports every message when its listener begins ("got") and, in order, ends ("done").
 */
final class PushConsume implements Agent.Stoppable {
    private final DefaultMQPushConsumer consumer;

    PushConsume(String namesrv, Command c) throws Exception {
        consumer = new DefaultMQPushConsumer(c.get("group"));
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(c.get("instance"));
        String where = c.or("where", "FIRST");
        consumer.setConsumeFromWhere(ConsumeFromWhere.valueOf("CONSUME_FROM_" + where + (where.equals("TIMESTAMP") ? "" : "_OFFSET")));
        consumer.setConsumeTimestamp(new SimpleDateFormat("yyyyMMddHHmmss").format(new Date(Long.parseLong(c.or("timestamp", "0")))));
        consumer.setPullThresholdSizeForQueue(8);
        consumer.setConsumeThreadMin(2);
        consumer.setConsumeThreadMax(4);
        consumer.setAwaitTerminationMillisWhenShutdown(5000);
        if (c.or("model", "").equals("BROADCASTING")) {
            Versioned.broadcast(consumer);
        }
        if (c.or("type", "TAG").equals("SQL92")) {
            consumer.subscribe(c.get("topic"), MessageSelector.bySql(c.get("expr")));
        } else {
            consumer.subscribe(c.get("topic"), c.get("expr"));
        }
        String id = c.id();
        if (c.or("order", "").equals("true")) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                report("got", id, messages);
                report("done", id, messages);
                return ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                report("got", id, messages);
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        consumer.start();
    }

    private static void report(String verb, String id, List<MessageExt> messages) {
        for (MessageExt m : messages) {
            Report.message(verb, id, m);
        }
    }

    @Override public void stop() {
        consumer.shutdown();
    }
}
