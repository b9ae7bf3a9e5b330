import java.nio.charset.StandardCharsets;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * look group topic broker ids=ID,... keys=KEY,... uniques=ID,... times=QUEUE/MILLISECONDS,...: a client that has just
 * begun looks for messages by the id that names a broker, by key, by unique key, and for offsets by time. It reports what it
 * found for each, or the exception.
 */
final class Look {
    private static final int MOST = 32;

    /** One look, whose answer is a line. */
    private interface Search {
        String run(String asked) throws Exception;
    }

    private final Command c;
    private final String topic;
    private final DefaultMQProducer client;

    Look(String namesrv, Command c) {
        this.c = c;
        topic = c.get("topic");
        client = Produce.producer(namesrv, c);
    }

    void run() throws Exception {
        client.start();
        try {
            each("ids", id -> text(client.viewMessage(topic, id)));
            each("keys", key -> client.queryMessage(topic, key, MOST, 0, Long.MAX_VALUE).getMessageList().stream()
                .map(Look::text).sorted().collect(Collectors.joining("\n")));
            each("uniques", id -> text(client.viewMessage(topic, id)));
            each("times", at -> {
                String[] parts = at.split("/");
                MessageQueue queue = new MessageQueue(topic, c.get("broker"), Integer.parseInt(parts[0]));
                return String.valueOf(client.searchOffset(queue, Long.parseLong(parts[1])));
            });
        } finally {
            client.shutdown();
        }
    }

    private void each(String how, Search search) {
        for (String asked : c.get(how).split(",")) {
            if (asked.isEmpty()) {
                continue;
            }
            String answer;
            try {
                answer = search.run(asked);
            } catch (Exception e) {
                answer = "failed: " + e;
            }
            Report.event("found", "id", c.id(), "how", how, "asked", asked, "answer", answer);
        }
    }

    private static String text(MessageExt m) {
        return "message " + m.getUserProperty("n") + " at " + m.getQueueId() + "/" + m.getQueueOffset() + ", at " + m.getCommitLogOffset() + " of the log of "
            + m.getStoreHost() + ", stored " + m.getStoreTimestamp() + ": " + new String(m.getBody(), StandardCharsets.UTF_8) + " " + new TreeMap<>(m.getProperties());
    }
}
