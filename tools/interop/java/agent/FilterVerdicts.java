import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.filter.FilterFactory;
import org.apache.rocketmq.filter.expression.EvaluationContext;
import org.apache.rocketmq.filter.expression.Expression;

/**
 * Has RocketMQ's own filter judge. Each line of input is an expression and the properties text of a message, both in
 * base64; each line of output is true, false or null, "failed" if the evaluation throws, or "refused" if there is none.
 */
public final class FilterVerdicts {
    private FilterVerdicts() {
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        StringBuilder out = new StringBuilder();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            int space = line.indexOf(' ');
            out.append(judge(decode(line.substring(0, space)), decode(line.substring(space + 1)))).append('\n');
        }
        System.out.print(out);
        System.out.flush();
    }

    private static String decode(String base64) {
        return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
    }

    private static String judge(String expression, String properties) {
        Expression compiled;
        try {
            compiled = FilterFactory.INSTANCE.get("SQL92").compile(expression);
        } catch (Throwable e) {
            return "refused";
        }
        Map<String, String> decoded = MessageDecoder.string2messageProperties(properties);
        try {
            return String.valueOf(compiled.evaluate(new EvaluationContext() {
                @Override public Object get(String name) {
                    return decoded.get(name);
                }

                @Override public Map<String, Object> keyValues() {
                    return new HashMap<>(decoded);
                }
            }));
        } catch (Throwable e) {
            return "failed";
        }
    }
}
