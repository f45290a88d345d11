// Package tracing holds the parts that the layers share to make one trace of a request or a
// reading, across HTTP, Kafka and the tables: the tracer, the W3C trace context as an event carries
// it, and the trace id in log lines.
//
// # Invariants
//
//   - It uses OpenTelemetry's API alone. The process installs the SDK and the exporter
//     (cmd/ledgerboard); a main application that mounts the API installs its own.
//   - Without an installed provider nothing is wrapped, no span is created and no header is
//     written.
//   - No span has a query string, a token, a statement's parameters or a text of a person.
//
// # Why events are traced by hand
//
// A batch folds up to 5,000 readings in one transaction. The hooks of kotel start a span for each
// record at both ends of the log, even if nothing is sampled. Here an append is one span, and a
// folded event gets a span only if its own trace is sampled. The context travels as ce_traceparent,
// the CloudEvents extension, which the chain's hash leaves out.
package tracing
