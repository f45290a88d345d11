#!/usr/bin/env bash
# One would guess: a reader of kafka-go with `IsolationLevel: ReadCommitted` does what its documentation says, "only
# non-transactional and committed records are visible", and reads what other clients read, with the same times.
#
# What happens: it returns the records of transactions that were rolled back, and the markers at the end of transactions
# as messages with binary keys and values. On a topic with the times of the broker (LogAppendTime), it returns those
# that the producer gave. An empty value is nil, like a deletion. No call returns an error. franz-go, with the same
# settings, reads the committed records only, with the broker's times, and an empty value that is not nil.
#
# Versions: github.com/segmentio/kafka-go v0.4.51, github.com/twmb/franz-go v1.22.2, Apache Kafka 4.3.1 (Maven),
# Java 17.
# Output seen:
#   franz-go: key "board", value "linked", nil false, time the broker's
#   franz-go: key "board", value "", nil false, time the broker's
#   kafka-go: key "board", value "linked", nil false, time the producer's
#   kafka-go: key "\x00\x00\x00\x01", value "\x00\x00\x00\x00\x00\x00", nil false, time the broker's
#   kafka-go: key "board", value "rolled back", nil false, time the producer's
#   kafka-go: key "\x00\x00\x00\x00", value "\x00\x00\x00\x00\x00\x00", nil false, time the broker's
#   kafka-go: key "board", value "", nil true, time the producer's
#
# Why it matters: a program that follows a log of events with this client applies changes that were rolled back, sorts
# others by a time that any producer can choose, and takes an empty text for a deletion. Tests without transactions find
# nothing. Read such topics with another client.
#
# Exits with 1 if the behavior changes. Needs Go, Java 17, Maven, and their registries.
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
read -r port controller < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))')
cat > broker.properties << END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$work/data
log.message.timestamp.type=LogAppendTime
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
END
(start kafka.tools.StorageTool format --cluster-id=AAAAAAAAAAAAAAAAAAAAAA -c broker.properties > /dev/null)
start kafka.Kafka broker.properties > broker.log 2>&1 & broker=$!

cat > go.mod << 'END'
module example.com/committed

go 1.25
END
cat > main.go << 'END'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

func check[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func show(client string, key, value []byte, at time.Time) {
	time := "the broker's"
	if at.Year() == 2020 {
		time = "the producer's"
	}
	fmt.Printf("%s: key %q, value %q, nil %t, time %s\n", client, key, value, value == nil, time)
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	seed, topic := kgo.SeedBrokers(os.Args[1]), "changes"
	writer := check(kgo.NewClient(seed, kgo.DefaultProduceTopic(topic), kgo.AllowAutoTopicCreation(),
		kgo.TransactionalID("writer")))
	defer writer.Close()
	for _, value := range []string{"linked", "rolled back", ""} {
		check(0, writer.BeginTransaction())
		at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		check(writer.ProduceSync(ctx, &kgo.Record{Key: []byte("board"), Value: []byte(value), Timestamp: at}).First())
		check(0, writer.EndTransaction(ctx, kgo.TransactionEndTry(value != "rolled back")))
	}

	reader := check(kgo.NewClient(seed, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted())))
	defer reader.Close()
	for last := int64(0); last < 4; { // the record before the last marker
		fetches := reader.PollFetches(ctx)
		check(0, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			show("franz-go", r.Key, r.Value, r.Timestamp)
			last = r.Offset
		})
	}
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: os.Args[1:], Topic: topic, IsolationLevel: kafka.ReadCommitted})
	defer r.Close()
	for last := int64(0); last < 4; {
		m := check(r.ReadMessage(ctx))
		show("kafka-go", m.Key, m.Value, m.Time)
		last = m.Offset
	}
}
END
{ go get github.com/segmentio/kafka-go@v0.4.51 github.com/twmb/franz-go/pkg/kgo@v1.22.2 &&
    go build -o read .; } > build.out 2>&1 || { cat build.out; exit 1; }
until (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do kill -0 "$broker"; sleep 0.5; done
./read "127.0.0.1:$port" | tee seen
diff seen - << 'END' || { echo 'The behavior has changed.'; exit 1; }
franz-go: key "board", value "linked", nil false, time the broker's
franz-go: key "board", value "", nil false, time the broker's
kafka-go: key "board", value "linked", nil false, time the producer's
kafka-go: key "\x00\x00\x00\x01", value "\x00\x00\x00\x00\x00\x00", nil false, time the broker's
kafka-go: key "board", value "rolled back", nil false, time the producer's
kafka-go: key "\x00\x00\x00\x00", value "\x00\x00\x00\x00\x00\x00", nil false, time the broker's
kafka-go: key "board", value "", nil true, time the producer's
END
