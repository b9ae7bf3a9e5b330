import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * transact group topic from to first then hold [immunity]: sends messages from..to-1 as transactions, one after the other, and goes on
 * answering the broker until it is stopped. Message n is decided by first[n % length] when its half is stored, and by
 * then[n % length] when the broker asks ("checked"): 0 is unknown, 1 commit, 2 rollback. With hold=true whoever asks is told
 * unknown until "decide producer=ID". The broker is told to ask after immunity seconds, unless that is 0. The body is "later n".
 */
final class Transactions implements Agent.Stoppable, TransactionListener {
    private static final LocalTransactionState[] STATES = {
        LocalTransactionState.UNKNOW, LocalTransactionState.COMMIT_MESSAGE, LocalTransactionState.ROLLBACK_MESSAGE};
    private static final int PERIOD = 1000; // ms; a broker that is there again is found soon

    private final String id;
    private final String[] first;
    private final String[] then;
    private final TransactionMQProducer producer;
    private volatile boolean hold;

    Transactions(String namesrv, Command c) throws Exception {
        id = c.id();
        first = c.get("first").split(",");
        then = c.get("then").split(",");
        hold = c.get("hold").equals("true");
        producer = new TransactionMQProducer(c.get("group"), Clients.account());
        Clients.configure(producer, namesrv, c.get("group") + "-" + id);
        producer.setSendMsgTimeout(30_000);
        producer.setRetryTimesWhenSendFailed(0);
        producer.setHeartbeatBrokerInterval(PERIOD);
        producer.setPollNameServerInterval(PERIOD);
        producer.setTransactionListener(this);
        producer.start();
        for (int n = c.number("from"); n < c.number("to"); n++) {
            Message m = new Message(c.get("topic"), "TagL", "later-" + n, ("later " + n).getBytes(StandardCharsets.UTF_8));
            m.putUserProperty("n", String.valueOf(n));
            if (!c.or("immunity", "0").equals("0")) {
                MessageAccessor.putProperty(m, MessageConst.PROPERTY_CHECK_IMMUNITY_TIME_IN_SECONDS, c.get("immunity"));
            }
            Report.sent(id, n, 1, producer.sendMessageInTransaction(m, null));
        }
    }

    void decide() {
        hold = false;
    }

    @Override public LocalTransactionState executeLocalTransaction(Message m, Object arg) {
        return state(first, m);
    }

    @Override public LocalTransactionState checkLocalTransaction(MessageExt m) {
        LocalTransactionState state = hold ? LocalTransactionState.UNKNOW : state(then, m);
        Report.event("checked", "id", id, "n", m.getUserProperty("n"));
        return state;
    }

    private static LocalTransactionState state(String[] by, Message m) {
        return STATES[Integer.parseInt(by[Integer.parseInt(m.getUserProperty("n")) % by.length])];
    }

    @Override public void stop() {
        producer.shutdown();
    }
}
