import java.lang.reflect.*;
import java.net.*;
import java.util.*;
import io.netty.channel.*;
import io.netty.channel.embedded.EmbeddedChannel;
import org.apache.rocketmq.auth.authorization.builder.DefaultAuthorizationContextBuilder;
import org.apache.rocketmq.auth.authorization.context.DefaultAuthorizationContext;
import org.apache.rocketmq.auth.config.AuthConfig;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
/** Prints which resources and actions RocketMQ 5.4.0 asks for of each request code; run with its lib/* as class path. */
public class Rights {
  public static void main(String[] a) throws Exception {
    org.apache.rocketmq.remoting.protocol.RequestHeaderRegistry.getInstance().initialize(); AuthConfig c = new AuthConfig(); c.setClusterName("DefaultCluster");
    DefaultAuthorizationContextBuilder b = new DefaultAuthorizationContextBuilder(c);
    EmbeddedChannel ch = new EmbeddedChannel(new ChannelInboundHandlerAdapter());
    ChannelHandlerContext ctx = ch.pipeline().firstContext();
    for (Field f : org.apache.rocketmq.remoting.protocol.RequestCode.class.getFields()) {
      int code = f.getInt(null);
      HashMap<String,String> m = new HashMap<>();
      String[] kv = {"AccessKey","bob","topic","T","group","G","consumerGroup","G","producerGroup","P","a","P","b","T","queueId","0","offset","0","queueOffset","0","maxMsgNums","1","sysFlag","0","commitOffset","0","suspendTimeoutMillis","0","subscription","*","subVersion","0","invisibleTime","1","pollTime","0","bornTime","0","initMode","0","extraInfo","0","recallHandle","x","timestamp","0","clientID","c","clientId","c","originTopic","T","delayLevel","0","tranStateTableOffset","0","commitLogOffset","0","commitOrRollback","8","key","k","maxNum","1","beginTimestamp","0","endTimestamp","0","defaultTopic","D","readQueueNums","1","writeQueueNums","1","perm","6","topicFilterType","SINGLE_TAG","order","false","topicSysFlag","0","groupName","G","isForce","true","srcGroup","G","destGroup","H","offline","false","index","0","count","1","isOrder","false","defaultTopicQueueNums","1","bornTimestamp","0","flag","0","properties","","c","D","d","1","e","0","f","0","g","0","h","0","i","","statsName","s","statsKey","k","msgId","m","brokerName","n","filterGroups","","compareGroup","G","username","u","subject","User:u","filter","","subjectFilter","","resourceFilter","","cluster","C","namespace","N","value","v","jstackEnable","false","attemptId","x","order","false","topicList","","clientAddr","x"};
      for (int i=0;i<kv.length;i+=2) m.put(kv[i],kv[i+1]);
      String[] topics = {"T"};
      for (String t : topics) {
        RemotingCommand cmd = RemotingCommand.createRequestCommand(code, null);
        cmd.setExtFields(m);
        if (code==34) cmd.setBody("{\"clientID\":\"c\",\"consumerDataSet\":[{\"groupName\":\"G\",\"subscriptionDataSet\":[{\"topic\":\"T\"}]}],\"producerDataSet\":[{\"groupName\":\"P\"}]}".getBytes());
        if (code==41||code==42) cmd.setBody("{\"consumerGroup\":\"G\",\"clientId\":\"c\",\"mqSet\":[{\"topic\":\"T\",\"brokerName\":\"n\",\"queueId\":0}]}".getBytes());
        String s;
        try { StringBuilder o=new StringBuilder(); for (DefaultAuthorizationContext x : b.build(ctx, cmd)) o.append(x.getResource().getResourceKey()).append(x.getActions()).append(' '); s=o.toString(); } catch (Throwable e) { s="fails: "+e+" "+e.getCause(); }
        System.out.println(code+" "+f.getName()+" "+s);
      }
    }
  }
}
