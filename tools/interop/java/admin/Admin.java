import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.TreeMap;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.rocketmq.remoting.RPCHook;
import org.apache.rocketmq.tools.command.MQAdminStartup;
import org.apache.rocketmq.tools.command.SubCommand;

/**
 * Runs mqadmin's own main method for one command after the other, in one JVM. Arguments: "commands" or "codes" prints what
 * there is and ends; "run" reads commands from standard input. The form of the lines is that of package line.
 */
public final class Admin {
    private Admin() {
    }

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "commands": commands(); break;
            case "codes": codes(); break;
            case "run": run(); break;
            default: throw new IllegalArgumentException(args[0]);
        }
        Runtime.getRuntime().halt(0);
    }

    /** All that MQAdminStartup registers. */
    private static void commands() throws Exception {
        MQAdminStartup.initCommand();
        for (Class<?> c = MQAdminStartup.class; c != null; c = c.getSuperclass()) {
            for (Field f : c.getDeclaredFields()) {
                if (!List.class.isAssignableFrom(f.getType())) {
                    continue;
                }
                f.setAccessible(true);
                for (Object o : (List<?>) f.get(null)) {
                    if (o instanceof SubCommand) {
                        SubCommand s = (SubCommand) o;
                        StringBuilder options = new StringBuilder();
                        for (Object each : s.buildCommandlineOptions(new Options()).getOptions()) {
                            Option x = (Option) each; // 4.x has commons-cli without type parameters
                            options.append(" -").append(x.getOpt()).append('/').append(x.getLongOpt()).append(x.hasArg() ? "=" : "")
                                .append(x.isRequired() ? "!" : "");
                        }
                        Report.event("command", "name", s.commandName(), "options", options.toString().trim());
                    }
                }
            }
        }
    }

    /** RequestCode's constants, by number. */
    private static void codes() throws Exception {
        TreeMap<Integer, String> names = new TreeMap<>();
        for (Field f : requestCode().getDeclaredFields()) {
            if (f.getType() == int.class) {
                f.setAccessible(true);
                names.merge(f.getInt(null), f.getName(), (a, b) -> a + "/" + b);
            }
        }
        names.forEach((code, name) -> Report.event("code", "code", code, "name", name));
    }

    private static Class<?> requestCode() throws ClassNotFoundException {
        try {
            return Class.forName("org.apache.rocketmq.remoting.protocol.RequestCode"); // 5.x
        } catch (ClassNotFoundException e) {
            return Class.forName("org.apache.rocketmq.common.protocol.RequestCode");
        }
    }

    /** Each line has the arguments as 0=, 1= and so on, and how long the command may take as ms=. */
    private static void run() throws Exception {
        PrintStream out = System.out;
        Method main = MQAdminStartup.class.getMethod("main0", String[].class, RPCHook.class);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Command c = Command.parse(line);
            String[] args = new String[c.number("args")];
            for (int i = 0; i < args.length; i++) {
                args[i] = c.get(Integer.toString(i));
            }
            ByteArrayOutputStream said = new ByteArrayOutputStream();
            PrintStream to = new PrintStream(said, true, "UTF-8");
            System.setOut(to);
            System.setErr(to);
            Thread t = new Thread(() -> {
                try {
                    main.invoke(null, args, null);
                } catch (Throwable e) {
                    e.printStackTrace(to);
                }
            }, "mqadmin");
            t.setDaemon(true);
            t.start();
            t.join(c.number("ms"));
            boolean late = t.isAlive();
            if (late) {
                t.interrupt();
                t.join(5000); // its complaint of that is not the next command's
            }
            to.flush();
            out.println("@done id=" + c.id() + " late=" + late + " out=" + URLEncoder.encode(said.toString("UTF-8"), "UTF-8"));
            out.flush();
        }
    }
}
