import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;

/**
 * produce group topic seed from to threads [warm pause]: sends messages from..to-1 of a corpus, each as the corpus says,
 * without retries, and reports what the broker told. Blocks of 100 messages are spread over the threads. Before, it tries
 * to send message warm until a route was found; it waits pause ms after each send.
 */
final class Produce {
    private static final int OUTSTANDING = 64;

    private final Command c;
    private final String topic;
    private final Corpus corpus;
    private final DefaultMQProducer producer;
    private final Semaphore outstanding = new Semaphore(OUTSTANDING);
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    Produce(String namesrv, Command c) {
        this.c = c;
        topic = c.get("topic");
        corpus = new Corpus(Long.parseLong(c.get("seed")));
        producer = Produce.producer(namesrv, c);
    }

    static DefaultMQProducer producer(String namesrv, Command c) {
        DefaultMQProducer p = new DefaultMQProducer(c.get("group"), Clients.account());
        Clients.configure(p, namesrv, c.get("group") + "-" + c.id());
        p.setSendMsgTimeout(30_000);
        p.setRetryTimesWhenSendFailed(0);
        p.setRetryTimesWhenSendAsyncFailed(0);
        return p;
    }

    void run() throws Throwable {
        producer.start();
        try {
            if (c.or("warm", null) != null) {
                warm(c.number("warm"));
            }
            int threads = c.number("threads");
            List<Thread> all = new ArrayList<>();
            for (int t = 0; t < threads; t++) {
                int first = t;
                Thread worker = new Thread(() -> blocks(first, threads));
                worker.start();
                all.add(worker);
            }
            for (Thread worker : all) {
                worker.join();
            }
            outstanding.acquire(OUTSTANDING);
        } finally {
            producer.shutdown();
        }
        if (failure.get() != null) {
            throw failure.get();
        }
    }

    private void warm(int i) throws Exception {
        for (int tries = 1; ; tries++) {
            try {
                Report.sent(c.id(), i, 1, producer.send(corpus.message(topic, i)));
                return;
            } catch (Exception e) { // a look-up at a name server that does not answer is the client's to repeat
                if (tries == 100) {
                    throw e;
                }
                Thread.sleep(200);
            }
        }
    }

    private void blocks(int first, int step) {
        int from = c.number("from");
        int to = c.number("to");
        try {
            int pause = Integer.parseInt(c.or("pause", "0"));
            for (int block = from / 100 + first; block * 100 < to; block += step) {
                for (int i = Math.max(from, block * 100); i < Math.min(to, block * 100 + 100);) {
                    i += send(i);
                    if (pause > 0) {
                        Thread.sleep(pause);
                    }
                }
            }
        } catch (Throwable e) {
            failure.compareAndSet(null, e);
        }
    }

    private int send(int i) throws Exception {
        switch (Corpus.how(i)) {
            case "sync":
                Report.sent(c.id(), i, 1, producer.send(corpus.message(topic, i)));
                return 1;
            case "async":
                sendAsync(i);
                return 1;
            case "oneway":
                producer.sendOneway(corpus.message(topic, i));
                Report.event("sent", "id", c.id(), "n", i, "count", 1, "status", "ONEWAY", "q", -1, "qo", -1);
                return 1;
            default:
                List<Message> batch = new ArrayList<>();
                for (int j = i; j < i + Corpus.BATCH; j++) {
                    batch.add(corpus.message(topic, j));
                }
                Report.sent(c.id(), i, Corpus.BATCH, producer.send(batch));
                return Corpus.BATCH;
        }
    }

    private void sendAsync(int i) throws Exception {
        outstanding.acquire();
        producer.send(corpus.message(topic, i), new SendCallback() {
            @Override public void onSuccess(SendResult r) {
                Report.sent(c.id(), i, 1, r);
                outstanding.release();
            }

            @Override public void onException(Throwable e) {
                failure.compareAndSet(null, new Exception("message " + i, e));
                outstanding.release();
            }
        });
    }
}
