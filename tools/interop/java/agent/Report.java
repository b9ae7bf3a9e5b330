import java.io.PrintStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.net.URLEncoder;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.MessageExt;

/** Writes events, one a line and never mixed. */
final class Report {
    private static final PrintStream OUT = new PrintStream(new FileOutputStream(FileDescriptor.out), false);

    private Report() {
    }

    /** Writes an event with pairs of key and value. */
    static void event(String verb, Object... pairs) {
        StringBuilder b = new StringBuilder("@").append(verb);
        for (int i = 0; i < pairs.length; i += 2) {
            b.append(' ').append(pairs[i]).append('=').append(escape(String.valueOf(pairs[i + 1])));
        }
        String line = b.append('\n').toString();
        synchronized (OUT) {
            OUT.print(line);
            OUT.flush();
        }
    }

    /** What a producer was told about count messages from index on. */
    static void sent(String id, int index, int count, SendResult r) {
        event("sent", "id", id, "n", index, "count", count, "status", r.getSendStatus(), "q", r.getMessageQueue().getQueueId(),
            "qo", r.getQueueOffset(), "msg", r.getMsgId(), "off", r.getOffsetMsgId());
    }

    /** A message that reached a consumer: verb "got" when it came, "done" when its listener is through. */
    static void message(String verb, String id, MessageExt m) {
        long micros = micros();
        if (verb.equals("done")) {
            event(verb, "id", id, "q", m.getQueueId(), "qo", m.getQueueOffset(), "t", micros);
            return;
        }
        CRC32 crc = new CRC32();
        crc.update(m.getBody());
        event(verb, "id", id, "q", m.getQueueId(), "qo", m.getQueueOffset(), "t", micros, "msg", m.getMsgId(), "len", m.getBody().length,
            "crc", crc.getValue(), "flag", m.getFlag(), "again", m.getReconsumeTimes(), "topic", m.getTopic(),
            "born", m.getBornTimestamp(), "stored", m.getStoreTimestamp(), "props", map(m.getProperties()));
    }

    /** Microseconds of wall clock: the same clock for all agents of a machine. */
    private static long micros() {
        java.time.Instant now = java.time.Instant.now();
        return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
    }

    private static String map(Map<String, String> m) {
        StringBuilder b = new StringBuilder();
        for (Map.Entry<String, String> e : new TreeMap<>(m).entrySet()) {
            b.append(b.length() == 0 ? "" : "&").append(escape(e.getKey())).append('=').append(escape(e.getValue()));
        }
        return b.toString();
    }

    private static String escape(String s) {
        try {
            return URLEncoder.encode(s, "UTF-8");
        } catch (java.io.UnsupportedEncodingException e) {
            throw new AssertionError(e);
        }
    }
}
