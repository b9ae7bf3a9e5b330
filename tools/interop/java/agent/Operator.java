import java.util.Map;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * status group topic: asks the consumers of a group how far they are and reports it by queue ("sought").
 * resume topic msg: has a half that was given up, and lies in topic, be open once more.
 */
final class Operator {
    private static final long TIMEOUT = 20_000;

    private Operator() {
    }

    static void status(String namesrv, Command c) throws Exception {
        DefaultMQAdminExt admin = start(namesrv, c);
        try {
            for (Map<MessageQueue, Long> queues : admin.getConsumeStatus(c.get("topic"), c.get("group"), "").values()) {
                queues.forEach((q, offset) -> Report.event("sought", "id", c.id(), "q", q.getQueueId(), "qo", offset));
            }
        } finally {
            admin.shutdown();
        }
    }

    static void resume(String namesrv, Command c) throws Exception {
        DefaultMQAdminExt admin = start(namesrv, c);
        try {
            if (!admin.resumeCheckHalfMessage(c.get("topic"), c.get("msg"))) {
                throw new IllegalStateException("the broker did not resume " + c.get("msg"));
            }
        } finally {
            admin.shutdown();
        }
    }

    private static DefaultMQAdminExt start(String namesrv, Command c) throws Exception {
        DefaultMQAdminExt admin = new DefaultMQAdminExt(TIMEOUT);
        Clients.configure(admin, namesrv, "operator-" + c.id());
        admin.start();
        return admin;
    }
}
