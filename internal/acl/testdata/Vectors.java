// Prints what RocketMQ 4.9.7's own classes make of signatures, addresses and YAML, one JSON
// array a line: see ../golden_test.go. With the jars of its binary release:
//
//	java -cp 'rocketmq-4.9.7/lib/*' Vectors.java >rocketmq-4.9.7.jsonl
import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONObject;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.AclUtils;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.acl.plain.PlainAccessResource;
import org.apache.rocketmq.acl.plain.RemoteAddressStrategyFactory;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.SerializeType;

public class Vectors {
    static void print(Object... all) {
        System.out.println(JSON.toJSONString(all));
    }

    static void frame(SerializeType type, String key, String secret, String token, int code, byte[] body, String... fields) {
        RemotingCommand c = RemotingCommand.createRequestCommand(code, null);
        c.setSerializeTypeCurrentRPC(type);
        c.setExtFields(new HashMap<>());
        for (int i = 0; i < fields.length; i += 2) {
            c.addExtField(fields[i], fields[i + 1]);
        }
        c.setBody(body);
        new AclClientRPCHook(new SessionCredentials(key, secret, token)).doBeforeRequest("", c);
        ByteBuffer b = c.encode();
        StringBuilder hex = new StringBuilder();
        while (b.hasRemaining()) {
            hex.append(String.format("%02x", b.get()));
        }
        print("frame", type.name() + " " + code, key, secret, hex.toString());
    }

    public static void main(String[] args) throws Exception {
        byte[] body = "ein Körper".getBytes("UTF-8");
        for (SerializeType t : SerializeType.values()) {
            frame(t, "RocketMQ", "12345678", null, 34, body);
            frame(t, "RocketMQ", "12345678", null, 310, body, "a", "P", "b", "Topic", "c", "TBW102", "e", "3", "f", "0", "i", "UNIQ_KEY\u0001AC\u0002WAIT\u0001true\u0002");
            frame(t, "rocketmq2", "geheim-öäü-\ud83d\ude00", "a token", 11, null, "topic", "T", "consumerGroup", "g", "zz", "1", "Z", "2", "_", "3", "10", "4", "9", "5");
            frame(t, "RocketMQ", "12345678", null, 15, new byte[0], "\ud83d\ude00", "beyond", "\ufffd", "replacement", "\ue000", "private", "\uffee", "width", "é", "accent", "empty", "");
            frame(t, "RocketMQ", "12345678", null, 12, null, "topic", "T", "key", "K", "_UNIQUE_KEY_QUERY", "false");
        }

        List<String> patterns = new ArrayList<>(Arrays.asList("", "*", "*.*.*.*", "*:*:*:*:*:*:*:*", "192.168.0.1", "192.168.0.*", "192.168.1-20.*", "192.168.*.*", "10.1-20.*.*",
            "10.1-20.*", "10.1-20.5.6", "192.168.0.1-9", "192.168.0.9-1", "192.168.0.0-256", "192.168.0.-1", "192.168.0.{1,2,3}", "192.168.0.{1}", "192.168.0.{1,300}", "192.168.{0,1}.5", "{1,2}",
            "192.168.0.1,10.0.0.1", "192.168.0.1,fd00::1", "192.168.0.*,10.0.0.1", "192.168.0", "192.168.0.1.2", "localhost", "300.1.1.1", "1.2.3.4/8", " 192.168.0.1 ",
            "fd00::1", "FD00::1", "fd00:0:0:0:0:0:0:1", "fd00::1:*", "fd00::*", "fd00:0:0:0:0:0:1:*", "fd00::1:1-20", "fd00::1:1-20:*", "fd00:0:0:0:0:0:1-20:*", "fd00::20-1", "fd00::{1,2}", "fd00::*:1", "fd00::1-20:1", "1050::0005:0600:300c:3261", "::1", "*:*"));
        String[] addresses = {"192.168.0.1", "192.168.0.9", "192.168.0.10", "192.168.1.1", "192.168.20.255", "192.168.21.0", "10.1.0.1", "10.20.5.6", "10.21.5.6", "10.0.0.1", "127.0.0.1",
            "fd00:0:0:0:0:0:0:1", "fd00:0:0:0:0:0:0:2", "fd00:0:0:0:0:0:1:1", "fd00:0:0:0:0:0:1:20", "fd00:0:0:0:0:0:1:21", "fd00:0:0:0:0:1:1:1", "fd00:0:0:0:0:0:20:5", "fd01:0:0:0:0:0:0:1", "1050:0:0:0:5:600:300c:3261", "0:0:0:0:0:0:0:1"};
        for (String p : patterns) {
            List<Object> line = new ArrayList<>(Arrays.asList("pattern", p));
            for (String a : addresses) {
                PlainAccessResource from = new PlainAccessResource();
                from.setWhiteRemoteAddress(a);
                String verdict;
                try {
                    verdict = String.valueOf(new RemoteAddressStrategyFactory().getRemoteAddressStrategy(p).match(from));
                } catch (Throwable t) {
                    verdict = "error";
                }
                line.add(a);
                line.add(verdict);
            }
            print(line.toArray());
        }

        String[] values = {"RocketMQ", "12345678", "01234567", "0x1234567", "0b1010101", "0o1234567", "1234567e8", "1234567e+8", "1.2345678", "123.", ".1234567", "1_234_567", "1:23:45:6", "20:30", "+1234567", "-1234567", "123456789012345678901234567890",
            "true", "yes", "No", "on", "OFF", "y", "n", "null", "~", "Null", "2026-11-30", "2026-11-30T05:00:00Z", "2026-1-3x", ".inf", ".NaN", "=", "<<", "a b c", "a  #b", "a #b", "a#b", "'it''s'", "'a' # b", "\"a\\tb\"", "\"\\u00e9\\x41\"", "\"a\\\\b\"", "\"a/b\"",
            "*", "&a", "!x", "|", ">", "%a", "@a", "`a", "{a}", "[a]", ",a", "- a", "-a", "? a", "?a", ": a", ":a", "::1", "a: b", "a:b", "a:", "192.168.0.1", "192.168.0.*", "192.168.0.{1,2}", "1:2:3:4:5:6:7:8", "fd00::1", "PUB|SUB", "a=PUB|SUB", "é\ud83d\ude00", "''", "\"\"", "'a", "\"a", "'a'b", "e10", "1e", "0", "00", "0_", "1__2", "1.2.3", "1.e5", "0x", "-", "--", "1-2", "._1", "1:99", "2026-11", "1234-5-6-7", "123456-7"};
        for (String v : values) {
            String got;
            File f = File.createTempFile("acl", ".yml");
            try {
                Files.write(f.toPath(), ("accounts:\n- secretKey: " + v + "\n  admin: false\n").getBytes("UTF-8"));
                JSONObject all = AclUtils.getYamlDataObject(f.getPath(), JSONObject.class);
                got = all.getJSONArray("accounts").getJSONObject(0).getString("secretKey");
                print("value", v, got == null ? "null" : "text", got == null ? "" : got);
            } catch (Throwable t) {
                print("value", v, "error", "");
            } finally {
                f.delete();
            }
        }
    }
}
