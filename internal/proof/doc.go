// Package proof creates and checks evidence that the history of dashboards is unmodified: signed
// checkpoints, verification of the log, proof bundles that need neither log nor database, and
// replay from the log.
//
// The chain of a stream (internal/eventlog) reveals a change within it, but neither the removal of
// its last records nor a completely rewritten stream. A checkpoint signs two Merkle trees (RFC
// 6962) per partition of `dashboards`, over a number of effective records from its start: over all
// of them in order, and over the last record of each stream, sorted by key, so that a bundle can
// prove the end of one stream. The trees are per partition because Kafka orders records only within
// a partition. Two processes that sign at the same time create two valid checkpoints.
//
// A checkpoint is compared once as many effective records were read as it covers. Offsets identify
// nothing: in a copy of the log (a mirror, a restore), the same records may have others. Verify
// reports a copy ([Report].CopiedAfter) if the record of a checkpoint names another topic id.
//
// # Limits
//
// Records after the newest checkpoint are protected only by their chains. The holder of the signing
// key can sign another history; only people who kept an older checkpoint or bundle can detect this
// ([VerifyConfig].Kept). The time of a checkpoint is that of the signer's clock.
//
// # Invariants
//
//   - Verify only reports. An error means that the check could not be completed, never a finding.
//   - If a public key is given but the log contains no checkpoint, Verify reports a finding,
//     because an attacker may have removed the checkpoints.
//   - The signer refuses to sign ([ErrContradiction]) while the log contradicts a checkpoint of a
//     known key, or ends before what the signer has read. It ignores invalid notes; Verify reports
//     them.
//   - A bundle contains no data of another agency: audit paths are hashes, and the checkpoint has
//     only counts per partition.
//   - Signed notes and bundles must be in canonical form, so no change of a byte goes unnoticed.
//
// # Bundle format (ledgerboard.proof.v1), JSON Lines
//
//	{"bundle":"ledgerboard.proof.v1","topic":"dashboards","key":<agency>,"public_key":<of the checkpoint>,
//	 "checkpoint":<signed note>,
//	 "head":{"version":<last covered version>,"leaf":<index in the tree of last records>,"proof":[<base64>…]}}
//	{"version":1,"headers":[{"name":…,"value":<base64>}…],"value":<base64>,"leaf":<index>,"proof":[<base64>…]}
//	…
//	{"records":<number>}
//
// Proofs are RFC 6962 audit paths of leaves ([LeafHash]); after the checkpoint, leaf and proof are
// null. The package may import only domain and internal/eventlog; callers pass in the clock.
package proof
