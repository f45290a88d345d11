// Package eventlog is the log of the product on Kafka: what a record looks like, how one is appended,
// followed live, scanned and checked, and what it means for the chain of its key.
//
// # Invariants
//
//   - A record is appended whole or not at all, and an append that was not acknowledged says which:
//     [ErrRefused] or [ErrOutcomeUnknown]. No deadline waits for a publisher.
//   - The partition of a key is murmur2 of the key modulo the topic's fixed count, in both clients; a
//     topic with another count is not written to ([ErrPartitionCount]). Empty keys and capital letters
//     in hex ids are refused.
//   - What [Codec.Encode] accepts, [Codec.Decode] reads back. Both clients produce the same bytes.
//   - A projection goes on exactly at its own position or not at all: another topic id, a position
//     outside of the log, or a missing offset stops that partition ([ErrOtherLog], [ErrBelowStart],
//     [ErrBeyondEnd], [ErrGap]).
//   - Who may produce to the topics is trusted (Kafka ACLs). An invalid record stops neither a start nor an append nor a reader: it is
//     handed out as it lies there; on a chained topic [Judge] says [Invalid], elsewhere [Log.Decode] says why.
//   - [Judge] reads key, headers and raw value only; a record whose payload cannot be decoded is still
//     the head of its chain.
//   - Topics are called as the domain calls them everywhere in this API; [Config.TopicOverrides] is
//     known only at the brokers' edge, so hashes do not depend on it.
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
// # What becomes of a batch
//
// [Log.AppendBatch] and [Log.AppendBulk] have one idempotent producer, for the life of the log.
//
//   - The process ends before a record is handed over: it is not in the log. In between: it is there whole or
//     not at all, and of one partition's records the first ones are. After the acknowledgement, before the
//     caller has noted it: it is there. Who repeats the batch doubles what was there, under the same ids, and
//     a fold counts each id once.
//   - An answer is lost: the producer asks again under the same sequence number, and the broker keeps one.
//     Such a record is never given up while the process lives, or its number would be missing.
//   - ctx ends: what was not handed over is [ErrRefused] and never comes; what was is [ErrOutcomeUnknown] and
//     may come, before what is handed over later for its partition. Nobody's ctx takes records back that kgo
//     has: it would fail all of their request, other callers' too.
//   - Brokers stay away: 16,384 records wait, the next ones are [ErrRefused] at their callers' deadlines. A
//     record that was never sent fails after 2 min, as [ErrOutcomeUnknown]: kgo does not tell the two apart.
//   - Close waits 15 s for answers; what has none then is [ErrOutcomeUnknown].
//
// # Non-obvious
//
//   - Scan and Check fetch by raw requests, not by a consumer: a consumer never shows an answer
//     without records, so it could not know that compaction left nothing before the end. The requests
//     name the topic by id: a topic created again in the middle is an error, not other data.
//   - A follower fetches ahead while a batch is folded: kgo alone fetches what there is when the fold begins, and the rest one
//     fold later. What was fetched ahead counts for nothing until a poll returns it. If the process ends, it is fetched again,
//     from the stored position. If its partition goes to another member, that member waits for the batch in flight (mu), and
//     what was fetched ahead is dropped (revoked). If the partition comes back, it is dropped again before the new position is
//     used (adjust). If the session was lost unseen, the fold's compare-and-set finds out, as it does for a batch in flight.
//     Only the goroutine that fetches tells kgo that partitions may be taken away, and never between a poll and the moment at
//     which what was polled can be dropped.
//   - Each Follow makes a new client. A client that survives a failed batch has fetched beyond it, and
//     rewinding it races with rebalances.
//   - kgo joins the group inside NewClient: adjust may run before the follower has its client, so Follow
//     holds the lock meanwhile (a crash seen under the race detector).
//   - kadm answers metadata from a cache. Topic ids are asked for by our own request: a stale id would
//     let a checkpoint of another log pass.
//   - While a coordinator or leader is replaced, time is lost by whoever waits longest: no partition of a group is folded before its last member has
//     joined again, and kgo's joins wait for commits under way. So waits between tries stay short (tryAgainAfter), no member gives up before
//     groupPatience, one that has lost its session commits nothing, and no answer is waited for longer than answerWithin.
//   - There is no supervision of brokers: the clients' time-outs (dialWithin, answerWithin) bound what a frozen one costs. sarama asks
//     the broker with the fewest open questions for the leaders, which is one that has never answered: a change waited up to 25 s for
//     one frozen broker of three.
//   - A topic created again while it is followed is noticed after about 10 s: kgo retries the unknown
//     id before it tells. It never adopts the new id, so nothing of the other log is folded meanwhile.
//   - Scan from nil refuses a log whose beginning is gone ([ErrBelowStart]); naming From accepts it.
//   - Markers of Kafka transactions are fetched and passed over: they take offsets, and left out they would read as a gap.
//   - sarama has Consumer.Return.Errors off for reactors: nobody reads that channel in watermill-kafka
//     without a group, and when it is full the partition stands still.
//   - Kafka's record timestamps stay the time of appending, never ce_time: compaction lag is judged by
//     them, and a back-filled reading would be as old as it says.
//   - A trace context is in ce_traceparent and not hashed; all other headers are.
//   - min.insync.replicas and replicas are demanded down to what the brokers can hold, so that one
//     broker (embedded, a laptop) passes and a cluster of three is held to the definition.
package eventlog
