import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Runs unmodified RocketMQ clients as it is told on standard input, one command a line, and reports on standard output.
 * The form of the lines is that of package line. Every command has an id; it ends with an event "ok" or "failed" of
 * that id. Consumers go on reporting after "ok", until "stop consumer=ID". The end of the input ends the agent.
 */
public final class Agent {
    /** What "stop" ends. */
    interface Stoppable {
        void stop() throws Exception;
    }

    private final String namesrv;
    private final Map<String, Stoppable> running = new ConcurrentHashMap<>();

    private Agent(String namesrv) {
        this.namesrv = namesrv;
    }

    public static void main(String[] args) throws Exception {
        System.setOut(System.err); // clients log there, which must not come between the parts of an event
        Agent agent = new Agent(args[0]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Command c = Command.parse(line);
            new Thread(() -> agent.run(c), c.verb + "-" + c.id()).start();
        }
        Runtime.getRuntime().halt(0);
    }

    private void run(Command c) {
        try {
            switch (c.verb) {
                case "produce": new Produce(namesrv, c).run(); break;
                case "order": new OrderedProduce(namesrv, c).run(); break;
                case "delay": new DelayedProduce(namesrv, c).run(); break;
                case "transact": running.put(c.id(), new Transactions(namesrv, c)); break;
                case "decide": ((Transactions) running.get(c.get("producer"))).decide(); break;
                case "timed": new TimedProduce(namesrv, c).run(); break;
                case "recallable": running.put(c.id(), new Recallable(namesrv, c)); break;
                case "recall": ((Recallable) running.get(c.get("producer"))).recall(c); break;
                case "push": running.put(c.id(), new PushConsume(namesrv, c)); break;
                case "lite": running.put(c.id(), new LitePull(namesrv, c)); break;
                case "pull": new PlainPull(namesrv, c).run(); break;
                case "answer": running.put(c.id(), new RequestReply(namesrv, c)); break;
                case "traced": Traced.run(namesrv, c); break;
                case "status": Operator.status(namesrv, c); break;
                case "resume": Operator.resume(namesrv, c); break;
                case "release": ((RequestReply) running.get(c.get("consumer"))).release(); break;
                case "requester": running.put(c.id(), new Requester(namesrv, c)); break;
                case "ask": ((Requester) running.get(c.get("requester"))).ask(c); break;
                case "look": new Look(namesrv, c).run(); break;
                case "tries": new Tries(namesrv, c).run(); break;
                case "stop": running.remove(c.get("consumer")).stop(); break;
                default: throw new IllegalArgumentException("unknown command " + c.verb);
            }
            Report.event("ok", "id", c.id());
        } catch (Throwable e) {
            e.printStackTrace();
            Report.event("failed", "id", c.id(), "error", e.toString());
        }
    }
}
