// Package backup copies the log into files, checks them without a broker, and writes them into brokers that have no log yet.
//
// # Invariants
//
//   - A restored log is the log: each record lies in its partition at its offset, with its bytes and its time of appending. Invalid records
//     are copied too: positions in tables, signed checkpoints and parked events count offsets, so all of them go on holding.
//   - The manifest is replaced in one step, and names no file that is not whole and on the disk. Whatever cuts a run, the backup of before
//     stands.
//   - What is in a backup belongs together: the end of `operations` is read first, so a signed checkpoint in it covers nothing that is not.
//   - A backup holds what the log held when it was taken, and no more: compacted topics, which alone have personal content, are written
//     anew as a whole by each run, and what the log has forgotten leaves the directory. No key is in it.
//   - A restore changes nothing before it has looked at everything: the whole backup, the brokers and the database.
//   - Tables are made again from the restored topics. What the log recorded after the backup is lost; the question before the restore says so.
//
// # Gaps
//
// Kafka gives out offsets; nobody can ask for one. Where compaction has left a gap, a restore fills it with heartbeats: records of ours
// that no fold counts and that the cleaner takes away again, all of a partition being of one key. Mapping positions instead would have
// meant to rewrite each place that has one, signed ones too, which nobody can. Topics that are not compacted have no gaps; in the place of
// a transaction's marker, or of a record that is larger than topics take without compression, lies
// a record without a key: those cannot be written again.
//
// # What can happen, each with a test unless it says otherwise
//
//   - A run is cut, in a segment, between segments, before the manifest: the backup of before stands, whole segments of topics that are not
//     compacted are kept, the rest is removed and read again. A first run that was cut is no backup yet ([ErrNotFinished]).
//   - A run is cut between the manifest and checkpoint.txt: the latter is old or missing, which [Check] remarks. The manifest has the
//     checkpoint.
//   - A run is repeated: it adds what has come. A last segment below 4 MiB is written anew together with that, so that hourly runs do not
//     make hundreds of thousands of files.
//   - Two runs, or a run and a check or a restore, at once: the second one is [ErrInUse]. Checks do not keep each other away.
//   - A file is damaged, cut off or gone: [Check] and restores name it. A run sees sizes, reads the last segment of each partition and
//     those that a check has marked, and writes anew from the log what is wrong.
//   - The directory is of another log, or the topics were made anew, or the log was cut: refused, the backup stays. So a restored log is
//     backed up into another directory.
//   - A record below the end of a compacted topic is replaced and compacted away while it is read: not within min.compaction.lag.ms, a day,
//     so a run must not take longer. No test.
//   - Brokers hold something: they are restored to only if it is the beginning of this backup, record by record. That is what an
//     interrupted restore leaves, and what one leaves that ended before it was recorded; the next one goes on, a second whole one has
//     nothing to write.
//   - Something writes meanwhile, a service that was not stopped for one: the first record that gets another offset ends the restore.
//   - Somebody was erased since: the list of erasures erases again at the next start. It lies outside of log, database and backup.
//   - Who can write the directory can write another log with another manifest, but cannot sign it: checkpoints are checked by verify.
//
// # Format
//
// manifest.json names everything ([Manifest]); checkpoint.txt is the newest signed checkpoint;
// <topic>-<partition>/<first>-<next>-<digest>.seg are segments: a line "ledgerboard.segment.v1 <topic> <partition>", then records, see
// appendFrame.
//
// It may import domain, internal/eventlog and internal/durable only.
//
// # Non-obvious
//
//   - A backup is no proof: its checksums find decay, not forgers.
//   - Restored records keep their times of appending, so the cleaner may work on compacted topics at once. What would lie in the future
//     gets the time of the restore: brokers refuse it else.
//   - Names of segments carry their digest: one that is written anew has another name, and the old one stands until the manifest names the
//     new one.
package backup
