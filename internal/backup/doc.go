// Package backup copies the log into files, checks them without a broker, and restores them to
// brokers that have no log yet.
//
// # Invariants
//
//   - A restored log equals the original: each record keeps its bytes, its append time and, except
//     on compacted topics, its offset. Signed checkpoints therefore remain valid. On compacted
//     topics the restored records have no gaps: only derived tables refer to the offsets of these
//     topics.
//   - The manifest is replaced in one step at the end and names only complete files. If a run is
//     interrupted, the last backup stays valid, and the next run starts from it.
//   - A backup is consistent: the end of `operations` is read first, so a signed checkpoint in the
//     backup covers only records in the backup.
//   - A backup contains what the log contained when it was taken. Compacted topics, which alone
//     contain personal content, are copied in full by each run, so erased content leaves the
//     directory. A backup contains no keys.
//   - A restore checks the whole backup, the brokers and the database before it changes anything.
//     It restores only to missing or empty topics.
//   - Only one process at a time uses a directory ([ErrInUse]).
//
// # Format
//
// manifest.json names all files ([Manifest]). Segments are files
// <topic>-<partition>/<first>-<next>-<digest>.seg: a line "ledgerboard.segment.v1 <topic>
// <partition>", then records (see appendFrame).
//
// It may import domain and internal/eventlog only.
//
// # Notes
//
//   - A backup is no proof: its checksums detect damage, not forgery. Verify checks the
//     checkpoints.
//   - A record that is replaced and compacted away while a run reads is missing. This cannot happen
//     within min.compaction.lag.ms, which is a day.
//   - Transaction markers, and records too large for the topic without compression, cannot be
//     appended again. A restore writes a record without a key in their place.
//   - Records with a future time get the time of the restore, because brokers would refuse them.
package backup
