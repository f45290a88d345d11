// Package tracing contains the functions with which the layers record one trace per request or
// reading, across HTTP, Kafka and PostgreSQL: spans, the W3C trace context of events, and trace ids
// in log lines.
//
// # Invariants
//
//   - It uses only the API of OpenTelemetry. The process installs the SDK and the exporter
//     (cmd/ledgerboard); a main application that mounts the API installs its own.
//   - Without an installed provider nothing is wrapped, no span is created and no header is
//     written.
//   - No span contains query strings, tokens, statement parameters or texts written by people.
//
// # Why events are not traced with kotel
//
// A batch folds up to 5,000 readings in one transaction. The hooks of kotel start a span for each
// produced and consumed record, even if nothing is sampled. Here, an append is one span, and a
// folded event gets a span only if its trace is sampled. The trace context is in the header
// ce_traceparent (a CloudEvents extension), which the chain's hash does not cover.
package tracing
