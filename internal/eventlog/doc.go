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
//   - Nobody reads a foreign record: one that is not tagged by our key for this log, or malformed, or in a wrong partition.
//   - [Judge] reads key, headers and raw value only; a record whose payload cannot be decoded is still
//     the head of its chain.
//   - Topics are called as the domain calls them everywhere in this API; [Config.TopicOverrides] is
//     known only at the brokers' edge, so hashes do not depend on it.
//
// # Tags, for third parties
//
// Every record that this program appends, on every topic, by the publisher as in batches ([Log.encode]), has the header ce_tag: base64url
// without padding (43 characters) of HMAC-SHA-256 with the tag key over these fields, each preceded by its length as above:
//
//  1. "ledgerboard record v1"
//  2. the log's id, 16 raw bytes
//  3. the 32 raw bytes that ce_chainprev names; empty on topics without a chain
//  4. topic (the domain's name), key, value of ce_chainversion (empty without a chain)
//  5. name and value of every header except ce_tag and the trace context, in the order of their names' bytes
//  6. the record's value
//
// The tag is made last, and is one of the headers of the record's hash. The key (32 bytes) is in configuration only; its id is the first 16 hex
// digits of its SHA-256. Two logs need two keys: whoever may write to the brokers of both could begin one as a copy of the other.
//
// # The log's epoch
//
// An epoch is (number, log id, key id, from which offsets). Number 0 is from the first record on. The log says it itself: the first record
// operations.epoch_begun.v1 of that number, under the key "-" of `operations`, that is tagged with the key whose id it names for the log whose
// id it names. The log id is 16 random bytes. Table kept.epochs is each database's copy. [Open] settles the list before the first append and
// before anything is read ([Log.Epochs]); assembly compares it with the copy, and makes the copy. A restore of an older state begins each later epoch
// ([Target.BeginEpoch]). Not built yet: rotation of the key; all epochs have one.
//
//   - A record is judged by the list at its offset ([Log.taggerAt]): earlier records keep their epoch. What a process with an older list appends
//     lies in the new epoch with the tag of the old one: foreign, but for itself.
//   - The record of a later epoch counts if it stands where it says that the epoch begins, follows the newest before it, and is tagged for its own
//     log (Continues, in epoch_list.go). So nobody without the key can begin one; whoever has it can, and verify tells of it.
//   - A process never takes a new list while it lives: a restore needs brokers without a log.
//   - No such record, no copy, and nothing in any topic that has the form of a tagged record: the process makes an id, appends the record, and
//     reads back which is the first. Records without a tag, or malformed, were never anybody's and stop no first start.
//   - The same, and something looks tagged: [ErrOtherKey], it may be the log of others. So whoever may write to the brokers can hold up the first
//     start of an empty log, and later none.
//   - Several first starts: the record that the log has first counts for all. If they have different keys, the one whose record is later ends
//     with [ErrOtherKey], as does every later start with its key, unless its database has the copy: then the other record is the planted one.
//   - Crash before the append: nothing was begun. Between append and copy, or without the answer: the next start finds the record.
//   - The record copied, or another one later, or one whose tag is not of what it names: nothing.
//   - Another key than the log's: [ErrOtherKey], before anything is appended; also in processes without a database. Who has run with another key
//     nevertheless (a zombie) has written foreign records.
//   - The copy is lost, or the database is restored from before it was made: the next start finds the record, and copies it.
//   - `operations` is lost or cut, or the log restored from before the record: the copy counts, and is appended again, if a partition begins with
//     a record of ours or nothing anywhere looks tagged. Only records of others: [ErrOtherKey], also to who only looks. Both are lost:
//     [ErrOtherKey]; nobody can say whose the other records are until one of the two is restored.
//   - An empty cluster named by mistake looks like a log whose topics were made again: the copy is appended there. Followers of a database that
//     has folded stop at the other topic ids ([ErrOtherLog]); what is appended there meanwhile, readings for one, the right log never gets.
//   - A log and a database of before tags, or that both lost their id: assembly refuses at [Config.KnownEpoch], before anything is appended. A
//     log of before without its database is junk before a first start, and foreign.
//   - Log and copy differ: the database is of another log; assembly refuses before tables or secrets are read beside it.
//   - No key: [Log.Append] is [ErrNoTagKey], and what has no tag, two, or a malformed one is foreign all the same. Whether a tag is right is not
//     checked; verify, replay and export say so. Who appends or folds does not start.
//   - [Config.Existing], or topics that would forget: nothing is begun or appended; [ErrNotBegun].
//
// # What counts for nothing
//
// What each case gives; [Log.foreignReason] is the one judgement, at [Log.Follow], [Log.Scan], [Log.ReadAt] and [Log.NewSubscriber]:
//
//   - No tag, two, a malformed one, another key, another log's id, copied to another topic or key, a byte of key, value or a header
//     changed: foreign.
//   - A genuine record in another partition than its key's: foreign, before its tag is looked at.
//   - Trace headers missing, changed, repeated, or no text: nothing. Neither tag nor hash covers them.
//   - A good tag and malformed (envelope, key, no value on a topic that is not compacted): foreign.
//   - A good tag, copied whole in its partition: a duplicate, stale by its version, a repeat by its id. Reordered or a zombie's:
//     stale or broken by the chain.
//   - The marker of a transaction; a batch of more than 64 MiB: foreign.
//
// A foreign record is passed over: the position moves on behind it. The first 1,000 of each partition are remembered ([Log.Foreign]), all
// are counted, the first of a partition is logged as an error. On compacted topics [Run.Covered] names the keys over which one lies in
// their own partition: what counts of such a key is appended again within an hour, before the cleaner may take it away.
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
//     groupPatience, one that has lost its session commits nothing, and no answer is waited for longer than silentAtMost.
//   - A frozen broker takes connections, and sarama asks whichever broker has the fewest questions open for the leaders: one that has never answered.
//     With each request waiting for itself a change waited up to 25 s for one frozen broker of three; with one question for all (silent_brokers.go) up to 10 s.
//   - A topic created again while it is followed is noticed after about 10 s: kgo retries the unknown
//     id before it tells. It never adopts the new id, so nothing of the other log is folded meanwhile.
//   - Scan from nil refuses a log whose beginning is gone ([ErrBelowStart]); naming From accepts it.
//   - Markers of Kafka transactions are read, as foreign records: they take offsets, and left out they would read as a gap.
//   - A batch that unpacks to more than 64 MiB is foreign unread, all of its offsets. kgo stops a partition at one, until it is told to go on
//     behind it. sarama knows no such bound: reactors, which hear of new records only, are not protected by it.
//   - sarama has Consumer.Return.Errors off for reactors: nobody reads that channel in watermill-kafka
//     without a group, and when it is full the partition stands still.
//   - Kafka's record timestamps stay the time of appending, never ce_time: compaction lag is judged by
//     them, and a back-filled reading would be as old as it says.
//   - A trace context is in ce_traceparent and not hashed; all other headers are.
//   - min.insync.replicas and replicas are demanded down to what the brokers can hold, so that one
//     broker (embedded, a laptop) passes and a cluster of three is held to the definition.
package eventlog
