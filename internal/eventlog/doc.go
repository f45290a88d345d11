// Package eventlog is the event log on Kafka: the format of records, how they are appended,
// followed, scanned and checked, and the verdict on a record in the chain of its key. [RecordHash]
// defines the hash of a record for third parties.
//
// # Invariants
//
//   - A record is appended completely or not at all. An append that was not acknowledged returns
//     [ErrRefused] or [ErrOutcomeUnknown]. A broker's refusal is definite, except after an earlier
//     attempt that was not answered. An append returns when its context is done, even if the client
//     is still retrying.
//   - Nothing is appended to a topic that was deleted and created again after [Open].
//   - The partition of a key is murmur2 of the key modulo the topic's fixed partition count.
//     Nothing is written to a topic with another count. Empty keys and capital
//     letters in hex ids are refused.
//   - [Codec.Decode] decodes everything that [Codec.Encode] accepts.
//   - A projection continues exactly at its own position or not at all: another topic id, a
//     position outside the log, or a missing offset stops that partition.
//   - Everyone who may produce to the topics (Kafka ACLs) is trusted. An invalid record prevents
//     neither startup nor appending nor reading. Readers receive it unchanged; on a chained topic
//     [Judge] returns [Invalid], elsewhere [Log.Decode] returns the reason.
//
// Of this module, the package imports only domain, internal/operator and internal/tracing.
//
// # Design notes
//
//   - kgo appends, and reactors subscribe through watermill and sarama. sarama names topics in its
//     produce requests, so a retry would land in a topic that was created again, and does not tell
//     whether an error is about the first attempt; kgo names the topic's id.
//   - After a failed [Log.AppendBulk], a prefix of each partition's records is in the log. A caller
//     that repeats the batch appends these records a second time, with the same ids; folds count
//     each id once.
//   - A partition moves to another member only after the batch in flight is done; its fetched
//     records are dropped. The fold's compare-and-set detects a member that lost its session
//     without noticing. Only the fetching goroutine allows a rebalance, and never before polled
//     records are stored where they can be dropped.
//   - Each Follow creates a new client: a client that survives a failed batch has fetched beyond
//     it, and rewinding races with rebalances.
//   - If a topic is deleted and created again while it is followed, this is detected after about
//     10 s.
//   - Batches are compressed with zstd, except live ones on `dashboards`: it added 16 µs to an
//     append of 31 µs in memory, and that topic is small. A restore compresses them too.
//   - Brokers are not supervised. The clients' timeouts bound the delay that a frozen broker
//     causes.
//   - Kafka's record timestamps are append times, never ce_time: compaction lag depends on them.
//   - min.insync.replicas and replicas are required only as far as the number of brokers allows.
package eventlog
