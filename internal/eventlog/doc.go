// Package eventlog is the log of the product on Kafka: what a record looks like, how one is appended,
// followed live, scanned and checked, and what it means for the chain of its key.
//
// # Invariants
//
//   - A record is appended whole or not at all, and an append that was not acknowledged says which:
//     [ErrRefused] or [ErrOutcomeUnknown]. No deadline waits for a publisher.
//   - The partition of a key is murmur2 of the key modulo the topic's fixed count, in both clients; a
//     topic with another count is not written to ([errPartitionCount]). Empty keys and capital letters
//     in hex ids are refused.
//   - What [Codec.Encode] accepts, [Codec.Decode] reads back. Both clients produce the same bytes.
//   - A projection goes on exactly at its own position or not at all: another topic id, a position
//     outside of the log, or a missing offset stops that partition ([ErrOtherLog], [ErrBelowStart],
//     [ErrBeyondEnd], [ErrGap]).
//   - Who may produce to the topics is trusted (Kafka ACLs). An invalid record stops neither a start nor an append nor a reader: it is
//     handed out as it lies there; on a chained topic [Judge] says [Invalid], elsewhere [Log.Decode] says why.
//   - [Judge] reads key, headers and raw value only; a record whose payload cannot be decoded is still
//     the head of its chain.
//
// It may import domain and nothing else of this module. What it needs from above is handed in as
// functions.
//
// # A record's hash, for third parties
//
// With a field being its length in bytes (32 bits, big-endian) followed by its bytes, the hash of a
// record is SHA-256 over the fields: previous hash (32 raw bytes), topic (the domain's name), key,
// value of ce_chainversion; then name and value of every header except ce_traceparent, ce_tracestate,
// traceparent and tracestate, headers in the order of their names' bytes; then the record's value.
// The previous hash of a key's first record is SHA-256("ledgerboard" + topic + key), no lengths.
// testdata/chain_vector.json is a worked example of two records.
//
// # Non-obvious
//
//   - [Log.AppendBatch] and [Log.AppendBulk] share one idempotent producer. Of one partition's records the
//     first ones are in the log, each whole or not at all. A caller that repeats a batch doubles what was
//     there, under the same ids, and a fold counts each id once. If ctx ends, what was handed over is
//     [ErrOutcomeUnknown] and may still come; the rest is [ErrRefused] and never comes.
//   - Scan and Check fetch by raw requests: a consumer never shows an answer without records, so it could
//     not know that compaction left nothing before the end. The requests name the topic by id.
//   - What a follower fetched ahead counts for nothing until a poll returns it. If its partition goes to
//     another member, that member waits for the batch in flight (mu), and what was fetched ahead is dropped
//     (lost, adjust). The fold's compare-and-set finds a session that was lost unseen. Only the goroutine
//     that fetches tells kgo that partitions may be taken away, and never between a poll and the moment at
//     which what was polled can be dropped.
//   - Each Follow makes a new client: one that survives a failed batch has fetched beyond it, and rewinding
//     it races with rebalances. kgo joins the group inside NewClient, so Follow holds the lock meanwhile.
//   - kadm caches metadata. Topic ids are requested directly: a stale id would let a checkpoint of another
//     log pass. A topic that is created again while it is followed is noticed after about 10 s.
//   - There is no supervision of brokers: the clients' time-outs (dialWithin, answerWithin) bound what a
//     frozen one costs, and no member gives up before groupPatience.
//   - Scan from nil refuses a log whose beginning is gone ([ErrBelowStart]); naming From accepts it.
//   - Markers of Kafka transactions are fetched and skipped: they take offsets.
//   - sarama has Consumer.Return.Errors off for reactors: nothing reads that channel in watermill-kafka
//     without a group, and when it is full the partition stops.
//   - Kafka's record timestamps stay the time of appending, never ce_time: compaction lag depends on them.
//   - min.insync.replicas and replicas are required only as far as the brokers can provide them, so that
//     one broker (embedded, a laptop) passes.
package eventlog
