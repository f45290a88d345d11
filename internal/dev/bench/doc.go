// Command bench measures ledgerboard beside the limit of what it stands on, in the same run on the
// same machine, and prints one JSON object a line: {"name","value","unit","limit","ratio"}. Machines
// are shared and noisy: each figure is the median of several rounds, and the ratio is what counts.
//
// What the limits are:
//
//   - projection: the rows that the projection made, written by hand with batched `unnest` upserts by
//     as many connections as there are partitions; no log, no decoding, no look-ups. A second limit is
//     one transaction per event, as most libraries fold.
//   - append: the same records produced with kgo, unbounded.
//   - append to readable: the time in which one record goes through the log alone (append to fetch).
//   - PUT to notice: the PUT's own answer time.
//   - state at a time: one statement that finds the document, without names, records and tenancy.
//   - connections: a process that holds as many sockets with a goroutine each, and writes the same notices
//     once the same append is acknowledged.
//   - ingestion: the same calls made by as many callers that throw the answers away. Because the platform's
//     side, the broker and others share the machine, readings are also given by the processor time that the
//     fetchers and PostgreSQL's work for them took.
//   - verification and replay: a plain consumer that reads the same records and looks at nothing.
//   - PUTs: the same records appended by as many callers, nothing loaded, decided, projected or awaited.
//   - analytics: the statements of the same request, sent again one after the other, their rows thrown away.
//     At every size the plans are looked at: a statement that reads a reading table from end to end fails.
//     -run '^analytics$' -agencies 5 measures a million readings alone, -run 'analytics_0[178]' three endpoints.
//
// # File map
//
//	main.go        flags, order, printing
//	world.go       brokers, databases and readings to measure with
//	projection.go  live projection of post readings
//	naive.go       its two limits
//	append.go      append throughput
//	latency.go     append to readable
//	notice.go      PUT to notice, on the program as a process
//	history.go     state of a dashboard at an instant, in a million records
//	analytics*.go  the 22 analytics endpoints over HTTP beside their SQL
//	proof*.go      verify and replay over a made-up log
//	sql.go         the upserts of the limits, from the tables' columns
//	puts.go        PUTs of 1, 10 and 100 agencies
//	connections.go  10,000 idle listeners with a thousand notices a second: memory, append to read
//	connections_*.go  the program as a process, clients, listeners that do not read, the limit, matching
//	cpu.go         processor time, ours and PostgreSQL's, and shares of a profile
//	ingest*.go     account readings from HTTP answers to the log; the platform; a fetcher's memory
//	stats.go       medians and percentiles
//
// # Non-obvious
//
//   - All writers, ours and the limits', commit asynchronously, as the projections do.
//   - Clients of the 10,000 connections live in the bench's process, the program in one of its own, because
//     loopback takes two descriptors a connection (and `ulimit -n` is often 20,000) and because memory is the
//     program's alone. Resident memory is all of it, with the garbage between two collections; what the
//     kernel holds for sockets is counted apart, for both ends.
//   - Stuck listeners connect with small segments and buffers, as from behind a thin line: loopback's own
//     would hide a reader that reads nothing in megabytes of kernel memory.
//   - The broker fsyncs every append, as in demo.
package main
