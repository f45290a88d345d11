// Package proof makes and checks evidence that the history of dashboards is what was decided: signed
// checkpoints over the whole log, verification of the log against itself, the checkpoints and the
// tables, proof bundles that need neither log nor database, and replay from the log.
//
// # What it proves, and what not
//
// Each record names the hash of the one before it (internal/eventlog). Alone, that shows a change of one
// record, and shows neither a cut-off end nor a chain that was made anew. A checkpoint signs two Merkle
// trees (RFC 6962, golang.org/x/mod/sumdb/tlog) at one position vector:
//
//   - over all effective records, so that none that it covers can be altered, removed, added or moved;
//   - over the last record of each stream, sorted by key, so that the end of one agency's stream can be
//     proved without showing another's.
//
// Beside them it signs a third tree, over the records of `operations` but for the checkpoints themselves: who read and exported the
// history, what operators did. Those have no chains, so that a change shows when the next checkpoint covers them.
//
// docs/threat-model.md has the attacks, each with the test that finds it, and what none of this finds.
//
// Whoever holds the signing key can sign another history: the key proves that its holder stood by the
// log at that moment, no more. It is worth as much as it is kept apart from those who can write to the
// brokers, and as old checkpoints are kept where they cannot be replaced (the file outside of the log, on
// another machine or write-once medium; bundles that auditors took away; the public key by another way
// than from the machine that is audited). A time in a checkpoint is the signer's clock. A bundle proves
// the state of its checkpoint's time: an older bundle is not wrong, it is older. What was appended after
// the last checkpoint is covered by the chain alone: its end can be cut unseen until the next one, unless
// the tables remember it. Nothing here proves that a decision was right, or that what was never appended
// did not happen.
//
// An edit of the tables is no record, and the next honest change of that dashboard would take it over. So each change carries
// the digest of every dashboard that it was decided on, and a fold of the log is held against it. Whoever edits tables and sets
// them right again before the next change leaves nothing behind here.
//
// A deviation that only a root shows is named by what the record trees cannot hide: the offsets between
// two checkpoints. The tables' history, which has the hash of each version, names the record.
//
// # Order of leaves
//
// Kafka orders partitions, not topics. The sequence of checkpoints does the rest: the new leaves of a
// checkpoint are the effective records from its predecessor's vector to its own, partitions ascending,
// offsets ascending. Each checkpoint names its predecessor by the hash of its text. [LeafHash] is a leaf
// of both trees; [Checkpoint.Text] is what is signed.
//
// # Crashes and second processes, each with a test
//
//   - Killed before the append to `operations`: nothing happened.
//   - Killed between that append and the file, or the file cannot be written: the next turn, of any
//     process, copies what its file lacks. The order is never the other way round: a checkpoint that only
//     the file has is evidence that the log was cut.
//   - Killed within the write to the file: the half stays (the file is only ever appended to), readers pass
//     over it, the whole note is appended again from the log.
//   - The append's outcome is unknown and it succeeded: the next turn finds it. It arrives late, after
//     another was signed: both name one predecessor, a fork. The first in the log counts, all processes go on
//     from it, and it alone gets into the file, once it was read back; the other one is void.
//   - Two processes sign at once, because one lost its lock: the same fork.
//   - One that the file has does not count any more, because another one stands before it now: somebody moved records, or has the key.
//     A finding, and nobody signs any more: what is signed would not continue what was published.
//     Where the file has the other one before it, nothing was moved: a signer with a new key did not know the old one. Nobody stops for that.
//   - An earlier checkpoint is not borne out by the log, or only the file has it: nobody signs any more
//     ([ErrContradiction]) until a person has looked.
//   - Forged or damaged notes prove nothing: findings of verify, passed over by the signer, so that writing
//     rubbish to `operations` does not stop it.
//   - The topic was deleted and created again: its checkpoints still hold if the records are the same.
//
// # Restores of an older state
//
// # Bundle format (ledgerboard.proof.v1)
//
// JSON Lines, written in one way only: what does not encode to the same bytes again is refused.
//
//	{"bundle":"ledgerboard.proof.v1","topic":"dashboards","key":<agency>,"checkpoint":<signed note>,
//	 "head":{"version":<its last version then>,"leaf":<index in the tree of heads>,"proof":[<base64>…]}}
//	{"version":1,"headers":[{"name":…,"value":<base64>}…],"value":<base64>,"leaf":<index>,"proof":[<base64>…]}
//	…
//	{"records":<how many>}
//
// Proofs are RFC 6962 audit paths. Records after the checkpoint have leaf and proof null. Headers are
// sorted by name; trace context, which no hash covers, is left out, as are partition and offset.
//
// # Invariants
//
//   - Verify finds and reports; it never repairs and never writes.
//   - A known key without checkpoints, or without a new one, is a finding: who cuts the log can cut those away too.
//   - Of other agencies, whoever lets a running service verify learns one bit, one number, and counters of the whole log: see [Verdict].
//   - One agency's report or bundle holds nothing of another's; audit paths hold hashes only.
//   - No byte of a covered bundle or of a signed note can be changed unseen.
//   - Memory: some 100 KiB a partition, some 150 bytes an agency, and beside them: verify the dashboards as they are folded, and 4 bytes a
//     record with tables; export 8 bytes a record of its agency; one agency's own
//     verification 49 bytes a record of its own; the signer, replay and the check of a bundle nothing. Verify of the whole log lets some 64 MiB more of
//     garbage lie about than it otherwise would: a quarter of its processor time went into collecting little and often.
//   - Disk, in files without names in TMPDIR: verify, and the signer while it starts, 48 bytes a record of the whole log, export 112. What
//     cannot be kept or read there is an error, never a finding, and nothing is signed. On a file system in memory it counts as memory.
//
// It may import domain, internal/eventlog and internal/durable only. Tables, the lock and the clock are handed in by cmd.
//
// # Non-obvious
//
//   - Verify of 1.2 KB records takes three times the processor time of a plain consumer, a scan that checks tags and nothing else 1.7 times: that is the
//     floor under it. Of its time a fifth reads payloads, a seventh holds dashboards' digests against changes, a fourteenth folds them; tags and
//     chains take a seventh each, reading the log and the broker a tenth, collecting garbage a fourteenth. All hashing together is a fifth to a quarter.
//   - 0.7 of a consumer's pace on the same two cores would leave 2.4 times its processor time, and was not reached: fetching each record and hashing
//     what must be hashed leaves too little for reading and folding payloads. Headers read once for tag, form and chain, the verdict kept with the
//     record, saved a fourteenth, and batches unpacked by ourselves a tenth (both tried, both left out: where all must be believed, each
//     reader judges what it reads, by a client that others use too). One digest of the record under both tag and chain would save a twentieth.
//   - Bundles that are asked for at once share a reading of the log only if it began after they were asked for: none is older than who asked may expect.
//   - A head's leaf is its record's leaf: the ledger keeps one hash a record for both trees. A proof cannot
//     be taken for one of the other tree, because each is checked against its own signed root.
//   - The vector counts offsets, so that a lost race more or less between two checkpoints shows where it
//     moves a record over the border, and nowhere else; it means nothing either way.
//   - A record in a wrong partition, or whose key is no agency's id, is in no stream and no leaf, as in the
//     projection.
//   - The tables are a witness of the log: each row of the history has its record's hash. Whether their rows are what the
//     log gives is checked by package projections, which has the one fold; what it finds stands in the same report.
//   - An agency's own verification proves the end of its stream alone: that names the records before it. The other leaves of that tree are
//     ends that the process keeps. They are never believed: the root that they give must be the signed one.
//   - note.Open passes over signatures of unknown keys and base64 has several spellings of one value:
//     [OpenCheckpoint] refuses both, else bytes could be changed unseen.
package proof
