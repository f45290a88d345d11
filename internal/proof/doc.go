// Package proof makes and checks evidence that the history of dashboards is what was decided: signed checkpoints, the
// verification of the log, proof bundles that need neither log nor database, and replay from the log.
//
// Each record names the hash of the one before it (internal/eventlog). That shows a change in the middle of a stream, but
// neither a cut end nor a stream that was written again as a whole. A checkpoint signs, for each partition of
// `dashboards`, two Merkle trees (RFC 6962, golang.org/x/mod/sumdb/tlog) up to an offset:
//
//   - over all effective records in the order of their offsets, so that none can be altered, removed, added or moved;
//   - over the last record of each stream, sorted by key, so that a bundle can prove the end of one agency's stream.
//
// There is one pair of trees per partition because Kafka orders nothing beyond a partition. So the order of leaves needs no
// convention, partitions are read in parallel in constant memory, a bundle reads one partition, and each checkpoint is
// compared with the log on its own: two processes that sign at the same time make two valid checkpoints, and their
// consistency follows from their agreement with one log. Verification and signing keep of each tree only what the next leaf
// needs; a bundle keeps the hashes of its partition.
//
// # What it cannot prove
//
// Records after the newest checkpoint are covered by their chains alone: an end that was cut off does not show. A holder of the signing
// key can sign another history; that shows only to people who kept an older checkpoint or bundle ([VerifyConfig].Kept).
// The time of a checkpoint is the signer's clock. Nothing here proves that a decision was right.
//
// # Invariants
//
//   - Verify reports and changes nothing. An error means that the check could not be made, never that it found something.
//   - A known key without any checkpoint is a finding: who cuts the log can remove the checkpoints too.
//   - The signer refuses ([ErrContradiction]) while the log contradicts a checkpoint of a known key. Notes that do not
//     verify do not stop it; Verify reports them.
//   - A bundle holds nothing of another agency; audit paths are hashes, the checkpoint holds counts per partition.
//   - No byte of a signed note or of the covered part of a bundle can be changed unnoticed: notes and bundles are
//     accepted in one spelling only.
//   - Memory: verify and signer need some 150 bytes an agency; a bundle 64 bytes a record of its partition.
//
// # Bundle format (ledgerboard.proof.v1)
//
// JSON Lines:
//
//	{"bundle":"ledgerboard.proof.v1","topic":"dashboards","key":<agency>,"public_key":<of the checkpoint>,
//	 "checkpoint":<signed note>,
//	 "head":{"version":<its last version then>,"leaf":<index in the tree of last records>,"proof":[<base64>…]}}
//	{"version":1,"headers":[{"name":…,"value":<base64>}…],"value":<base64>,"leaf":<index>,"proof":[<base64>…]}
//	…
//	{"records":<how many>}
//
// Proofs are RFC 6962 audit paths. Records after the checkpoint have leaf and proof null. Headers are sorted by name; trace
// context, which no hash covers, is left out. [LeafHash] is a leaf of both trees; [Checkpoint.Text] is what is signed.
//
// The package may import domain and internal/eventlog only; the clock is handed in.
package proof
