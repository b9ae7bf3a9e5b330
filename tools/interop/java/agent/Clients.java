import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.remoting.RPCHook;

/** What all clients of an agent have in common. */
final class Clients {
    /** Not 3 s, in which a JVM that has just begun on a busy machine has not loaded all classes that a route needs. */
    private static final int API_TIMEOUT_MILLIS = Integer.getInteger("interop.patience", 20_000);

    private Clients() {
    }

    /** What signs every request as the account NAME:SECRET of a property; null: nothing does. */
    static RPCHook account() {
        String account = System.getProperty("interop.account", "");
        int colon = account.indexOf(':');
        return colon < 0 ? null : new AclClientRPCHook(new SessionCredentials(account.substring(0, colon), account.substring(colon + 1)));
    }

    static DefaultMQPushConsumer pushConsumer(String group) {
        return new DefaultMQPushConsumer(group, account(), new AllocateMessageQueueAveragely());
    }

    static void configure(ClientConfig client, String namesrv, String instance) {
        client.setNamesrvAddr(namesrv);
        client.setInstanceName(instance);
        client.setMqClientApiTimeout(API_TIMEOUT_MILLIS);
        int often = Integer.getInteger("interop.often", 0); // ms; by default clients look after a broker that is gone every 30 s
        if (often > 0) {
            client.setPollNameServerInterval(often);
            client.setHeartbeatBrokerInterval(often);
        }
    }
}
