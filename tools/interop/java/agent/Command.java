import java.net.URLDecoder;
import java.util.HashMap;
import java.util.Map;

/** One line of input: a verb and its values. */
final class Command {
    final String verb;
    private final Map<String, String> values = new HashMap<>();

    private Command(String verb) {
        this.verb = verb;
    }

    static Command parse(String line) throws Exception {
        String[] words = line.substring(1).trim().split(" ");
        Command c = new Command(words[0]);
        for (int i = 1; i < words.length; i++) {
            int eq = words[i].indexOf('=');
            c.values.put(words[i].substring(0, eq), URLDecoder.decode(words[i].substring(eq + 1), "UTF-8"));
        }
        return c;
    }

    String id() {
        return get("id");
    }

    String get(String key) {
        String v = values.get(key);
        if (v == null) {
            throw new IllegalArgumentException(verb + " needs " + key);
        }
        return v;
    }

    String or(String key, String def) {
        return values.getOrDefault(key, def);
    }

    int number(String key) {
        return Integer.parseInt(get(key));
    }
}
