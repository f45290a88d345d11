// Package proof creates and checks evidence that the history of dashboards is unmodified: signed
// checkpoints, verification of the log, proof bundles that need neither log nor database, and
// replay from the log.
//
// The chain of a stream (internal/eventlog) binds every record to the stream's head, so signing the
// heads signs everything. A checkpoint states for each partition of `dashboards` how many effective
// records it covers from the start, and signs a Merkle tree (RFC 6962) over the heads of the streams,
// in order of their first records. So the tree only grows at its end, and a signer computes only the
// paths of heads that changed (BenchmarkTreeOfMillionAgencies in the tests: 0.7 s for a million agencies, and 0.05 s
// when 10,000 of them changed).
//
// A checkpoint is compared once as many effective records were read as it covers. Offsets identify
// nothing: in a copy of the log (a mirror, a restore), the same records may have others. Verify
// reports a copy ([Report].CopiedAfter) if the record of a checkpoint names another topic id.
//
// # Limits
//
// docs/auditors.md lists attacks and what reveals them; each row is a test. The order of different
// streams' records between two checkpoints is not signed: it changes no history. Records after the
// newest checkpoint are protected only by their chains. The holder of the signing key can sign
// another history; only people who kept an older checkpoint or bundle can detect this ([Kept]). The
// time of a checkpoint is that of the signer's clock.
//
// # Invariants
//
//   - Verify only reports. An error means that the check could not be completed, never a finding.
//   - If a public key is given but the log contains no checkpoint, or not a kept one, Verify reports
//     a finding, because an attacker may have removed them.
//   - The signer refuses to sign ([ErrContradiction]) while the log contradicts a checkpoint of a
//     known key. It compares every checkpoint, not only the newest, because that costs no further
//     read. It ignores invalid notes; Verify reports them. If the log ends before what the signer
//     has read, its turn fails, and the next one reads everything again.
//   - A bundle contains no data of another agency: its path is hashes, and the checkpoint has only
//     counts per partition.
//   - Signed notes and bundles must be in canonical form, so no change of a byte goes unnoticed.
//
// # Bundle format (ledgerboard.proof.v2), JSON Lines
//
//	{"bundle":"ledgerboard.proof.v2","topic":"dashboards","key":<agency>,"public_key":<of the checkpoint>,
//	 "checkpoint":<signed note>}
//	{"version":1,"headers":[{"name":…,"value":<base64>}…],"value":<base64>}
//	…
//	{"signed":<version of the head, the record before>,"leaf":<its index in the tree>,"proof":[<base64>…]}
//	… the records that lie after the checkpoint
//	{"records":<number>}
//
// The proof is the RFC 6962 audit path of the leaf ([LeafHash]). A bundle is written and verified in
// one pass. The package may import only domain, internal/eventlog and internal/secret; callers pass in
// the clock.
package proof
