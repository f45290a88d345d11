// Command bench measures ledgerboard beside the limit of what it stands on, in the same run on the
// same machine, and prints one JSON object a line: {"name","value","unit","limit","ratio"}. Machines
// are shared and noisy: each figure is the median of several rounds, and the ratio is what counts.
//
// What the limits are:
//
//   - projection: batched `unnest` upserts by as many connections as there are partitions; no log, no decoding, no look-ups,
//     no checkpoints, nobody told. Who writes knows the rows beforehand, of all tables that a reading touches, months too: one
//     transaction for each 5,000 events of a partition, as the projection's, with the rows that these change as they stand after
//     them. A second, stricter limit writes each row once, as it stands in the end, in as few transactions: what stands in the
//     tables before the last one was never true. A third is one transaction per event, as most libraries fold.
//   - append: the same records produced with kgo, unbounded.
//   - directory feed: the same records produced with kgo, by one producer; nothing parsed, checked or looked up.
//   - append to readable: the time in which one record goes through the log alone (append to fetch).
//   - PUT to notice: the PUT's own answer time.
//   - state at a time: one statement that finds the document, without names, records and tenancy.
//   - connections: a process that holds as many sockets with a goroutine each, and writes the same notices
//     once the same append is acknowledged.
//   - ingestion: the same calls made by as many callers that throw the answers away. Because the platform's
//     side, the broker and others share the machine, readings are also given by the processor time that the
//     fetchers and PostgreSQL's work for them took.
//   - verification and replay: a plain consumer that reads the same records and looks at nothing. Verification is measured by processor
//     time too, and beside it a scan that checks tags and nothing else: no verification can be quicker.
//   - memory of verify, and of ten bundles asked for at once: 512 MiB. make bench-memory takes many minutes.
//   - PUTs: the same records appended by as many callers, nothing loaded, decided, projected or awaited. Beside an older program:
//     make bench-against OLD=c95822c RUN=puts_10_agencies.
//   - analytics: the statements of the same request, those of its batches too, sent again one after the other, their rows thrown away.
//     At every size the plans are looked at: a statement that reads a reading table from end to end fails.
//     They are asked in three worlds: each post read every 12 hours for 50 days, and an agency's one and two years with
//     posts read as the fetcher's default tiers read them. -run '^analytics$' -agencies 5 measures a million readings of
//     the first alone, -run '^analytics_year$' of the second, -run 'analytics_0[178]' three endpoints. With -keep DIR the
//     filled databases stay in DIR (a million readings take 1.4 to 1.7 GB), and whoever runs it again asks them at once; after a
//     change of tables or folds DIR is of no use any more. Processor times (_cpu) serve on a busy machine, with -requests 5.
//   - rebuild: the rows of the finished tables, held in memory as COPY sends them, copied by as many connections as the
//     rebuild uses, then the same keys and indexes, one table after the other, and VACUUM ANALYZE of as many tables at a time. Both have the same few
//     events and readers beside them. It is measured once, after a first generation was made. -run '^rebuild_' -rebuild-scale 0.02 is a quick trial.
//
// # Non-obvious
//
//   - All writers, ours and the limits', commit asynchronously, as the projections do.
//   - Garbage is collected as often as in the program, unless GOGC is set.
//   - Clients of the 10,000 connections live in the bench's process, the program in one of its own, because
//     loopback takes two descriptors a connection (and `ulimit -n` is often 20,000) and because memory is the
//     program's alone. Resident memory is all of it, with the garbage between two collections; what the
//     kernel holds for sockets is counted apart, for both ends.
//   - Stuck listeners connect with small segments and buffers, as from behind a thin line: loopback's own
//     would hide a reader that reads nothing in megabytes of kernel memory.
//   - The first generation of a rebuild's world is made by a rebuild too, while the projection is paused: a process that
//     finds no generation would fold millions of events one batch after the other.
//   - The slowest request at a switch is looked for in half a second before and after it, and compared with the second
//     before that. Readers are switched back and forth for four more switches.
//   - The broker fsyncs every append, as in demo.
package main
