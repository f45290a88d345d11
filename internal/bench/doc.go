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
//   - PUTs: the same records appended by as many callers, nothing loaded, decided, projected or awaited.
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
//	puts.go        PUTs of 1, 10 and 100 agencies
//	stats.go       medians and percentiles
//
// # Non-obvious
//
//   - All writers, ours and the limits', commit asynchronously, as the projections do.
//   - The broker fsyncs every append, as in demo.
package main
