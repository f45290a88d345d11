// Package eventlog is the event log on Kafka: the format of records, how they are appended,
// followed, scanned and checked, and the verdict on a record in the chain of its key.
//
// # Invariants
//
//   - A record is appended completely or not at all. An append that was not acknowledged returns
//     [ErrRefused] or [ErrOutcomeUnknown]. No deadline waits for a publisher.
//   - The partition of a key is murmur2 of the key modulo the topic's fixed count, in both clients.
//     A topic with another count is not written to ([errPartitionCount]). Empty keys and capital
//     letters in hex ids are refused.
//   - [Codec.Decode] reads everything that [Codec.Encode] accepts. Both clients produce the same
//     bytes.
//   - A projection continues exactly at its own position or not at all: another topic id, a
//     position outside the log, or a missing offset stops that partition ([ErrOtherLog],
//     [ErrBelowStart], [ErrBeyondEnd], [ErrGap]).
//   - Everyone who may produce to the topics (Kafka ACLs) is trusted. An invalid record prevents
//     neither startup nor appending nor reading. Readers receive it unchanged; on a chained topic
//     [Judge] returns [Invalid], elsewhere [Log.Decode] returns the reason.
//   - [Judge] reads only key, headers and raw value. A record whose payload cannot be decoded is
//     still the head of its chain.
//
// The package imports only domain and internal/operator of this module.
//
// # Hash of a record, for third parties
//
// A field is its length in bytes (32 bits, big-endian) followed by its bytes. The hash of a record
// is SHA-256 over these fields: previous hash (32 raw bytes), topic (the domain's name), key, value
// of ce_chainversion; then name and value of every header except ce_traceparent, ce_tracestate,
// traceparent and tracestate, sorted bytewise by name; then the record's value. The previous hash
// of a key's first record is SHA-256("ledgerboard" + topic + key), without lengths. Example:
// testdata/chain_vector.json.
//
// # Design notes
//
//   - [Log.AppendBatch] and [Log.AppendBulk] share one idempotent producer. After a failure, a
//     prefix of each partition's records is in the log. A caller that repeats a batch appends these
//     twice, with the same ids; folds count each id once. If ctx is done, records in progress are
//     [ErrOutcomeUnknown] and may still be appended; the rest is [ErrRefused].
//   - Scans use raw fetch requests that name the topic by id. A consumer hides answers without
//     records and could not detect that compaction left nothing before the end.
//   - Records that a follower fetched ahead count only once a poll returns them. If a partition
//     moves to another member, that member waits for the batch in flight (mu), and fetched records
//     are dropped (lost, adjust). The fold's compare-and-set detects a session that was lost
//     without notice. Only the fetching goroutine allows a rebalance, never between a poll and the
//     point where the polled records can be dropped.
//   - Each Follow creates a new client: a client that survives a failed batch has fetched beyond
//     it, and rewinding races with rebalances. kgo joins the group inside NewClient, so Follow
//     holds the lock until then.
//   - kadm caches metadata, so topic ids are requested directly: a stale id would accept a
//     checkpoint of another log. A topic that is created again while it is followed is noticed
//     after about 10 s.
//   - Brokers are not supervised. The clients' time-outs (dialWithin, answerWithin) bound the delay
//     by a frozen broker, and no member gives up before groupRetry.
//   - Reactors run sarama with Consumer.Return.Errors off: without a group, watermill-kafka does
//     not read that channel, and a full channel stops the partition.
//   - Kafka's record timestamps are append times, never ce_time, because compaction lag depends on
//     them.
//   - min.insync.replicas and replicas are required only as far as the number of brokers allows, so
//     that a single broker passes.
package eventlog
