import java.text.SimpleDateFormat;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
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
 * [order=true] [type=TAG|SQL92] [pop=MILLISECONDS [delays=SECONDS,...]] [work=MILLISECONDS] [later=TIMES,... next=LEVEL,... most=TIMES]: a push consumer that reports
 * every message when its listener begins ("got") and, in order, ends ("done"), for which it takes work. Message n is sent back, or suspended, the first later[n % length] times, to come again
 * after the delay of level next[n % length], of delays if they are given and it was popped; after most times it is a dead letter.
 */
final class PushConsume implements Agent.Stoppable {
    private static final long SUSPEND_MILLIS = 200;

    private final DefaultMQPushConsumer consumer;
    private final int[] later;
    private final int[] next;
    private final long work;

    PushConsume(String namesrv, Command c) throws Exception {
        consumer = Clients.pushConsumer(c.get("group"));
        later = numbers(c.or("later", "0"));
        next = numbers(c.or("next", "0"));
        work = Long.parseLong(c.or("work", "0"));
        consumer.setMaxReconsumeTimes(Integer.parseInt(c.or("most", "-1")));
        consumer.setSuspendCurrentQueueTimeMillis(SUSPEND_MILLIS);
        Clients.configure(consumer, namesrv, c.get("instance"));
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
        long invisible = Long.parseLong(c.or("pop", "0"));
        if (invisible > 0) {
            Versioned.pop(consumer, invisible, c.or("delays", "").isEmpty() ? new int[0] : numbers(c.get("delays")));
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
                work();
                report("done", id, messages);
                return again(messages) ? ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT : ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                report("got", id, messages);
                work();
                if (!again(messages)) {
                    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
                }
                context.setDelayLevelWhenNextConsume(of(next, messages));
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            });
        }
        consumer.start();
    }

    private void work() {
        if (work > 0) {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(work));
        }
    }

    private boolean again(List<MessageExt> messages) { // a listener gets one at a time, unless it is told otherwise
        return messages.get(0).getReconsumeTimes() < of(later, messages);
    }

    private static int of(int[] numbers, List<MessageExt> messages) {
        String n = messages.get(0).getUserProperty("n");
        return n == null ? numbers[0] : numbers[Integer.parseInt(n) % numbers.length];
    }

    private static int[] numbers(String list) {
        return Arrays.stream(list.split(",")).mapToInt(Integer::parseInt).toArray();
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
