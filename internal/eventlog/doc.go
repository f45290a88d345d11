// Package eventlog is the event log on Kafka: the format of records, how they are appended,
// followed, scanned and checked, and the verdict on a record in the chain of its key. [RecordHash]
// defines the hash of a record for third parties.
//
// # Invariants
//
//   - A record is appended completely or not at all. An append that was not acknowledged returns
//     [ErrRefused] or [ErrOutcomeUnknown]. No deadline waits for a publisher.
//   - The partition of a key is murmur2 of the key modulo the topic's fixed count, in both clients.
//     A topic with another count is not written to. Empty keys and capital letters in hex ids are
//     refused.
//   - [Codec.Decode] reads everything that [Codec.Encode] accepts. Both clients produce the same
//     bytes.
//   - A projection continues exactly at its own position or not at all: another topic id, a
//     position outside the log, or a missing offset stops that partition.
//   - Everyone who may produce to the topics (Kafka ACLs) is trusted. An invalid record prevents
//     neither startup nor appending nor reading. Readers receive it unchanged; on a chained topic
//     [Judge] returns [Invalid], elsewhere [Log.Decode] returns the reason.
//
// The package imports only domain and internal/operator of this module.
//
// # Design notes
//
//   - [Log.AppendBatch] and [Log.AppendBulk] share one idempotent producer. After a failure, a
//     prefix of each partition's records is in the log. A caller that repeats a batch appends these
//     twice, with the same ids; folds count each id once.
//   - If a partition moves to another member, that member waits for the batch in flight, and
//     fetched records are dropped. The fold's compare-and-set detects a session that was lost
//     without notice. Only the fetching goroutine allows a rebalance, never between a poll and the
//     point where the polled records can be dropped.
//   - Each Follow creates a new client: a client that survives a failed batch has fetched beyond
//     it, and rewinding races with rebalances.
//   - A topic that is created again while it is followed is noticed after about 10 s.
//   - Brokers are not supervised. The clients' time-outs bound the delay by a frozen broker.
//   - Kafka's record timestamps are append times, never ce_time: compaction lag depends on them.
//   - min.insync.replicas and replicas are required only as far as the number of brokers allows.
package eventlog
