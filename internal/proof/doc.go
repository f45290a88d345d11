// Package proof makes and checks evidence that the history of dashboards is unmodified: signed
// checkpoints, verification of the log, proof bundles that need neither log nor database, and
// replay from the log.
//
// Each record names the hash of its predecessor (internal/eventlog). That reveals a change within a
// stream, but neither the removal of its last records nor a completely rewritten stream. A
// checkpoint signs two Merkle trees (RFC 6962, golang.org/x/mod/sumdb/tlog) per partition of
// `dashboards`, up to an offset:
//
//   - over all effective records in offset order, so that none can be altered, removed, added or
//     moved;
//   - over the last record of each stream, sorted by key, so that a bundle can prove the end of one
//     agency's stream.
//
// The trees are per partition because Kafka orders records only within a partition. So partitions
// can be read in parallel with constant memory, and a bundle reads one partition. Each checkpoint
// is compared with the log on its own: two processes that sign at the same time make two valid
// checkpoints, which are consistent because both match the same log. Verification and signing keep
// only the part of each tree that the next leaf needs; a bundle keeps the hashes of its partition.
//
// # Limits
//
// Only their chains cover records after the newest checkpoint: removing the last of them is not
// detected. The holder of the signing key can sign another history; only people who kept an older
// checkpoint or bundle can detect that ([VerifyConfig].Kept). The time of a checkpoint is the
// signer's clock. A proof does not show that a decision was right.
//
// # Invariants
//
//   - Verify only reports. An error means that the check could not be completed, never a finding.
//   - A known key without any checkpoint is a finding, because an attacker can remove checkpoints
//     too.
//   - The signer refuses to sign ([ErrContradiction]) while the log contradicts a checkpoint of a
//     known key. It ignores invalid notes; Verify reports them.
//   - A bundle contains no data of another agency: audit paths are hashes, and the checkpoint has
//     only counts per partition.
//   - Signed notes and bundles must be in canonical form, so no byte of them can change unnoticed.
//   - Memory: some 150 bytes per agency for verify and signer, 64 bytes per record of the partition
//     for a bundle.
//
// # Bundle format (ledgerboard.proof.v1)
//
// JSON Lines:
//
//	{"bundle":"ledgerboard.proof.v1","topic":"dashboards","key":<agency>,"public_key":<of the checkpoint>,
//	 "checkpoint":<signed note>,
//	 "head":{"version":<last covered version>,"leaf":<index in the tree of last records>,"proof":[<base64>…]}}
//	{"version":1,"headers":[{"name":…,"value":<base64>}…],"value":<base64>,"leaf":<index>,"proof":[<base64>…]}
//	…
//	{"records":<number>}
//
// Proofs are RFC 6962 audit paths. For records after the checkpoint, leaf and proof are null.
// Headers are sorted by name, without trace context, which no hash covers. [LeafHash] is a leaf of
// both trees; [Checkpoint.Text] is the signed text.
//
// The package may import only domain and internal/eventlog; callers pass in the clock.
package proof
