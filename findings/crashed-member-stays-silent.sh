#!/usr/bin/env bash
# One would guess: a consumer with a fixed `group.instance.id` that crashes and starts again goes on reading at once,
# because fixed ids were made for restarts; and what the classic protocol does, `group.protocol=consumer` does as well.
#
# What happens: with the classic protocol, the new process takes the place of the crashed one and reads. With the
# protocol of Kafka 4, the broker refuses a new process that starts before the session of the crashed one has ended
# (here after 30 seconds). Its poll throws UnreleasedInstanceIdException once. After that, poll returns no records and
# throws nothing, also when the session has ended. A loop that logs exceptions and goes on, as one does for errors of
# the network, polls and reads nothing. A new KafkaConsumer in the same process reads, if it is opened after the end of
# the session. The documentation of `group.instance.id` mentions no refusal.
#
# Versions: Apache Kafka and kafka-clients 4.3.1 (Maven); Java 17.
# Output seen:
#   classic, restarted after a crash: 0 exceptions, reads
#   consumer, restarted after a crash: UnreleasedInstanceIdException
#   consumer, polled for 45 seconds more: 0 exceptions, 0 records
#   consumer, closed and opened again: 0 exceptions, reads
#   `group.instance.id` documents a refusal: false
#
# Why it matters: with the new protocol, a dashboard may stay at its last figures after a crash, while the process
# lives and reports one error, of the start. That exception has to close the consumer, and a supervisor has to try again
# for longer than a session.
#
# Exits with 1 if the behavior changes. Needs Java 17, Maven, and its registry.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
trap 'kill "${broker:-}" 2> /dev/null || true; wait 2> /dev/null || true; cd /; rm -rf "$work"' EXIT

cat > pom.xml << 'END'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.3.1</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
END
mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=jars
start() { exec java -Xmx512m -XX:+UseSerialGC -cp "$work/jars/*" "$@"; }
run() { (start "$@"); }
read -r port controller < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))')

# Both protocols have sessions of 30 seconds.
cat > broker.properties << END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$work/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.consumer.min.session.timeout.ms=30000
group.consumer.session.timeout.ms=30000
group.consumer.min.heartbeat.interval.ms=1000
group.consumer.heartbeat.interval.ms=1000
END
run kafka.tools.StorageTool format --cluster-id=AAAAAAAAAAAAAAAAAAAAAA -c broker.properties > /dev/null
start kafka.Kafka broker.properties > broker.log 2>&1 & broker=$!

# The first process of a group reads the record and ends without a goodbye; the second, its restart, waits for that. It
# has read the record for another group, so that it starts quickly. No offsets are committed: each finds the record.
mkdir classes
cat > Member.java << 'END'
import java.time.*;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;

public class Member {
  static String thrown = "";
  static int exceptions;

  static Consumer<String, String> open(Map<String, Object> settings) {
    var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    consumer.subscribe(List.of("readings"));
    return consumer;
  }

  /** Polls until a record comes, or for some seconds; if asked to, only until an exception. */
  static int poll(Consumer<String, String> consumer, int seconds, boolean untilThrown) {
    exceptions = 0;
    for (long end = System.nanoTime() + seconds * 1_000_000_000L; System.nanoTime() < end; ) {
      try {
        int records = consumer.poll(Duration.ofMillis(200)).count();
        if (records > 0) return records;
      } catch (Exception e) {
        exceptions++;
        thrown = e.getClass().getSimpleName();
        if (untilThrown) break;
      }
    }
    return 0;
  }

  static void say(String what, int records) {
    System.out.println(what + ": " + exceptions + " exceptions, " + (records > 0 ? "reads" : "0 records"));
  }

  public static void main(String[] args) throws Exception {
    String protocol = args[1];
    Map<String, Object> broker = Map.of("bootstrap.servers", args[0]);
    Map<String, Object> settings = new HashMap<>(broker);
    settings.putAll(Map.of("group.id", "group-" + protocol, "group.protocol", protocol, "group.instance.id", "worker-1",
        "auto.offset.reset", "earliest", "enable.auto.commit", "false"));
    if (protocol.equals("classic")) settings.put("session.timeout.ms", "30000");
    if (args[2].equals("first")) {
      try (var producer = new KafkaProducer<>(broker, new StringSerializer(), new StringSerializer())) {
        producer.send(new ProducerRecord<>("readings", "k", "v")).get();
      }
      Runtime.getRuntime().halt(poll(open(settings), 60, true) > 0 ? 0 : 1);
    }
    Map<String, Object> other = new HashMap<>(settings);
    other.put("group.id", "other-" + protocol);
    try (var consumer = open(other)) {
      if (poll(consumer, 60, true) == 0) throw new IllegalStateException("another group reads nothing: " + thrown);
    }
    System.in.read();
    var consumer = open(settings);
    int records = poll(consumer, 20, true);
    if (exceptions == 0) {
      say(protocol + ", restarted after a crash", records);
    } else {
      System.out.println(protocol + ", restarted after a crash: " + thrown);
      say(protocol + ", polled for 45 seconds more", poll(consumer, 45, false));
      consumer.close();
      say(protocol + ", closed and opened again", poll(open(settings), 30, false));
      String text = ConsumerConfig.configDef().configKeys().get("group.instance.id").documentation.toLowerCase();
      boolean documented = text.contains("refuse") || text.contains("reject") || text.contains("unreleased");
      System.out.println("`group.instance.id` documents a refusal: " + documented);
    }
    Runtime.getRuntime().halt(0);
  }
}
END
javac -cp "jars/*" -d classes Member.java
member() { run -cp "classes:jars/*" Member "127.0.0.1:$port" "$@"; }
until (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do kill -0 "$broker"; sleep 0.5; done
for protocol in classic consumer; do
  { member "$protocol" first && echo restart; } | member "$protocol" again
done | tee seen
diff seen - << 'END' || { echo 'The behavior has changed.'; exit 1; }
classic, restarted after a crash: 0 exceptions, reads
consumer, restarted after a crash: UnreleasedInstanceIdException
consumer, polled for 45 seconds more: 0 exceptions, 0 records
consumer, closed and opened again: 0 exceptions, reads
`group.instance.id` documents a refusal: false
END
