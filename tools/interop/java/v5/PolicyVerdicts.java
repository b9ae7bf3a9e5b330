import com.alibaba.fastjson2.JSON;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.rocketmq.auth.authentication.enums.UserStatus;
import org.apache.rocketmq.auth.authentication.enums.UserType;
import org.apache.rocketmq.auth.authentication.model.Subject;
import org.apache.rocketmq.auth.authentication.model.User;
import org.apache.rocketmq.auth.authentication.provider.AuthenticationMetadataProvider;
import org.apache.rocketmq.auth.authorization.AuthorizationEvaluator;
import org.apache.rocketmq.auth.authorization.context.DefaultAuthorizationContext;
import org.apache.rocketmq.auth.authorization.exception.AuthorizationException;
import org.apache.rocketmq.auth.authorization.model.Acl;
import org.apache.rocketmq.auth.authorization.model.Resource;
import org.apache.rocketmq.auth.authorization.provider.AuthorizationMetadataProvider;
import org.apache.rocketmq.auth.config.AuthConfig;
import org.apache.rocketmq.broker.auth.converter.AclConverter;
import org.apache.rocketmq.common.action.Action;
import org.apache.rocketmq.remoting.protocol.body.AclInfo;

/**
 * Has RocketMQ's own authorization judge. Each line of input is what a user may do, as the body of request 3006 in
 * base64, a resource, actions with commas between, and an address; each line of output is allowed, denied, or unsaid.
 */
public final class PolicyVerdicts {
    private static final String NAME = "bob";
    private static Acl said;

    private PolicyVerdicts() {
    }

    public static void main(String[] args) throws Exception {
        AuthConfig config = new AuthConfig();
        config.setConfigName("verdicts");
        config.setAuthorizationEnabled(true);
        config.setAuthenticationMetadataProvider(Users.class.getName());
        config.setAuthorizationMetadataProvider(Acls.class.getName());
        AuthorizationEvaluator evaluator = new AuthorizationEvaluator(config);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        StringBuilder out = new StringBuilder();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] f = line.split("\t");
            String body = new String(Base64.getDecoder().decode(f[0]), StandardCharsets.UTF_8);
            said = AclConverter.convertAcl(JSON.parseObject(body, AclInfo.class));
            List<Action> actions = new ArrayList<>();
            for (String word : f[2].split(",")) {
                actions.add(Action.getByName(word));
            }
            out.append(judge(evaluator, DefaultAuthorizationContext.of(User.of(NAME), Resource.of(f[1]), actions, f[3]))).append('\n');
        }
        System.out.print("VERDICTS\n" + out);
        System.out.flush();
        System.exit(0);
    }

    private static String judge(AuthorizationEvaluator evaluator, DefaultAuthorizationContext context) {
        try {
            evaluator.evaluate(Collections.singletonList(context));
            return "allowed";
        } catch (AuthorizationException e) {
            if (e.getMessage().endsWith("the decision is deny.")) {
                return "denied";
            }
            return e.getMessage().endsWith("no matched policies.") ? "unsaid" : "failed:" + e.getMessage().replace('\n', ' ');
        }
    }

    /** There is one user, who is none that may do everything. */
    public static final class Users implements AuthenticationMetadataProvider {
        @Override public void initialize(AuthConfig config, Supplier<?> metadataService) {
        }

        @Override public void shutdown() {
        }

        @Override public CompletableFuture<Void> createUser(User user) {
            throw new UnsupportedOperationException();
        }

        @Override public CompletableFuture<Void> deleteUser(String username) {
            throw new UnsupportedOperationException();
        }

        @Override public CompletableFuture<Void> updateUser(User user) {
            throw new UnsupportedOperationException();
        }

        @Override public CompletableFuture<User> getUser(String username) {
            User user = User.of(username, "secret", UserType.NORMAL);
            user.setUserStatus(UserStatus.ENABLE);
            return CompletableFuture.completedFuture(user);
        }

        @Override public CompletableFuture<List<User>> listUser(String filter) {
            throw new UnsupportedOperationException();
        }
    }

    /** What that user may do is what the line says. */
    public static final class Acls implements AuthorizationMetadataProvider {
        @Override public void initialize(AuthConfig config, Supplier<?> metadataService) {
        }

        @Override public void shutdown() {
        }

        @Override public CompletableFuture<Void> createAcl(Acl acl) {
            throw new UnsupportedOperationException();
        }

        @Override public CompletableFuture<Void> deleteAcl(Subject subject) {
            throw new UnsupportedOperationException();
        }

        @Override public CompletableFuture<Void> updateAcl(Acl acl) {
            throw new UnsupportedOperationException();
        }

        @Override public CompletableFuture<Acl> getAcl(Subject subject) {
            return CompletableFuture.completedFuture(said);
        }

        @Override public CompletableFuture<List<Acl>> listAcl(String subjectFilter, String resourceFilter) {
            throw new UnsupportedOperationException();
        }
    }
}
