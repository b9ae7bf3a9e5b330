import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.rocketmq.common.message.Message;

/** The messages of package corpus: the same ones from the same seed and index. */
final class Corpus {
    static final int BATCH = 10;
    private static final byte[] TEXT = "订单已创建，等待付款；车间三号线温度正常。".getBytes(StandardCharsets.UTF_8);
    private static final String[] TAGS = {"TagA", "TagB", "TagC", "TagD", ""};

    private final long seed;

    Corpus(long seed) {
        this.seed = seed;
    }

    static String how(int index) {
        int in100 = index % 100;
        return in100 < 40 ? "sync" : in100 < 70 ? "async" : in100 < 80 ? "oneway" : "batch";
    }

    Message message(String topic, int index) {
        String keys = "K-" + seed + "-" + index + (index % 10 == 0 ? " 订单" + index : "");
        Message m = new Message(topic, TAGS[index % 5], keys, index % 7, body(index), true);
        m.putUserProperty("n", String.valueOf(index));
        if (index % 3 == 0) {
            m.putUserProperty("颜色", "蓝色-" + index);
        }
        if (index % 7 == 0) {
            m.putUserProperty("emoji", "\uD83D\uDE9A " + index);
        }
        if (index % 1000 == 0) {
            byte[] x = new byte[30000];
            Arrays.fill(x, (byte) 'x');
            m.putUserProperty("padding", new String(x, StandardCharsets.US_ASCII));
        }
        return m;
    }

    private byte[] body(int index) {
        long[] state = {seed * 1_000_003 + index};
        long a = next(state);
        int size = 1 + (int) Long.remainderUnsigned(a, 1000);
        if (index % 1600 == 739) {
            size = index < 1600 ? 4 << 20 : (1 << 20) + (int) Long.remainderUnsigned(a, (3 << 20) - (64 << 10));
        } else if (index % 500 == 1) {
            size = 1;
        } else if (index % 500 == 2) {
            size = 4095;
        } else if (index % 500 == 3) {
            size = 4096;
        } else if (index % 32 == 15 && !how(index).equals("batch")) {
            size = 4096 + (int) Long.remainderUnsigned(a, 61440);
        }
        byte[] b = new byte[size];
        if ((a >>> 40 & 1) == 0 || index == 739) {
            for (int i = 0; i < size; i++) {
                b[i] = TEXT[i % TEXT.length];
            }
            return b;
        }
        for (int i = 0; i < size; i += 8) {
            long r = next(state);
            for (int j = i; j < Math.min(i + 8, size); j++, r >>>= 8) {
                b[j] = (byte) r;
            }
        }
        return b;
    }

    /** splitmix64. */
    private static long next(long[] state) {
        state[0] += 0x9E3779B97F4A7C15L;
        long z = state[0];
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }
}
