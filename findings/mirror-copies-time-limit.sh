#!/usr/bin/env bash
# One would guess: MirrorMaker 2 does not copy a topic's limit for the age of records. Its list of settings that are
# not copied names `log.message.timestamp.before.max.ms`, next to `message.timestamp.difference.max.ms`, the setting
# that it replaced. MirrorMaker keeps the records' times, so with the limit the copy would refuse all older records.
#
# What happens: the list has the name that the setting has on brokers, with `log.`; on topics it has none. The limit is
# copied, and the new topic refuses the records that were written before the source got its limit, or that have
# become older than it since. Of that topic nothing is copied; the same record without the limit is.
#
# Versions: Apache Kafka and MirrorMaker 2 4.3.1 (Maven); Java 17.
# Output seen:
#   limited: message.timestamp.before.max.ms 86400000, 0 of 1 records
#   free: message.timestamp.before.max.ms 9223372036854775807, 1 of 1 records
#   MirrorMaker: Timestamp is out of range
#
# Why it matters: an event log keeps everything, and a limit on its topics is harmless for those who append. It makes
# the log impossible to move, which is noticed on the day of the move.
#
# Exits with 1 if the behavior changes. Needs Java 17, Maven, and its registry.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
trap 'kill "${broker:-}" "${mirror:-}" 2> /dev/null || true; wait 2> /dev/null || true; cd /; rm -rf "$work"' EXIT

cat > pom.xml << 'END'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.3.1</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>connect-mirror</artifactId><version>4.3.1</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
END
mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=jars
start() { exec java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel="${LEVEL:-error}" -cp "$work/jars/*" "$@"; }
run() { (start "$@"); }
read -r port controller < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))')

# One broker, which MirrorMaker knows under two names; the copy of a topic has the prefix "old.".
cat > broker.properties << END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$work/data
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
END
run kafka.tools.StorageTool format --cluster-id=AAAAAAAAAAAAAAAAAAAAAA -c broker.properties > /dev/null
start kafka.Kafka broker.properties > broker.log 2>&1 & broker=$!

cat > Client.java << 'END'
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;

public class Client {
  static final String LIMIT = "message.timestamp.before.max.ms";
  public static void main(String[] args) throws Exception {
    Map<String, Object> to = Map.of("bootstrap.servers", args[0], "group.id", "g");
    try (Admin admin = Admin.create(to)) {
      if (args[1].equals("write")) {
        for (String topic : List.of("limited", "free"))
          admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1).configs(Map.of("retention.ms", "-1")))).all().get();
        try (var producer = new KafkaProducer<>(to, new StringSerializer(), new StringSerializer())) {
          long old = System.currentTimeMillis() - Duration.ofDays(10).toMillis();
          for (String topic : List.of("limited", "free")) producer.send(new ProducerRecord<>(topic, 0, old, "k", "v")).get();
        }
        var limit = new AlterConfigOp(new ConfigEntry(LIMIT, "86400000"), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, "limited"), List.of(limit))).all().get();
        return;
      }
      for (String topic : List.of("limited", "free")) {
        var copy = new ConfigResource(ConfigResource.Type.TOPIC, "old." + topic);
        String limit = admin.describeConfigs(List.of(copy)).all().get().get(copy).get(LIMIT).value();
        var partition = new TopicPartition("old." + topic, 0);
        long end = admin.listOffsets(Map.of(partition, OffsetSpec.latest())).all().get().get(partition).offset();
        System.out.println(topic + ": " + LIMIT + " " + limit + ", " + end + " of 1 records");
      }
    }
  }
}
END
until (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do kill -0 "$broker"; sleep 0.5; done
run Client.java "127.0.0.1:$port" write

cat > mirror.properties << END
clusters = old, new
old.bootstrap.servers = 127.0.0.1:$port
new.bootstrap.servers = 127.0.0.1:$port
old->new.enabled = true
old->new.topics = limited|free
old->new.sync.topic.acls.enabled = false
emit.checkpoints.enabled = false
emit.heartbeats.enabled = false
replication.factor = 1
offset-syncs.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
checkpoints.topic.replication.factor = 1
offset.storage.replication.factor = 1
status.storage.replication.factor = 1
config.storage.replication.factor = 1
END
LEVEL=warn start org.apache.kafka.connect.mirror.MirrorMaker mirror.properties > mirror.log 2>&1 & mirror=$!
for _ in $(seq 120); do # until it reports the refusal, and has copied the other topic
  grep -q 'InvalidTimestampException' mirror.log && run Client.java "127.0.0.1:$port" read 2> /dev/null | grep -q '^free.* 1 of 1' && break
  sleep 1
done
{ run Client.java "127.0.0.1:$port" read
  echo "MirrorMaker: $(grep -o 'Timestamp .* is out of range' mirror.log | head -n 1 | sed 's/ [0-9].* is/ is/')"
} | tee seen
diff seen - << 'END'
limited: message.timestamp.before.max.ms 86400000, 0 of 1 records
free: message.timestamp.before.max.ms 9223372036854775807, 1 of 1 records
MirrorMaker: Timestamp is out of range
END
