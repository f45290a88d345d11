// Package apidoc writes the two documents that the program serves: api/openapi.json (OpenAPI 3.1) and
// api/asyncapi.json (AsyncAPI 3). `go generate ./api` runs it; a test fails when a committed document is not what
// the source says.
//
// What the documents say comes from one place each:
//
//   - paths, operation ids, roles, parameters, types of answers: the route table, by [api.Describe];
//   - what an operation is for, and its errors: the tables here (operations.go, refusals.go);
//   - schemas: the Go types of the answers;
//   - what a type or a member means: the comment of the type or the field, else the glossary here. Comments are shown
//     as they are written. One word changes: a comment begins with the Go name of what it explains, and the document
//     says the member's name there. Other members stand in comments by their JSON names, in backquotes;
//   - events: the registry of domain, with its frozen samples as examples.
//
// # File map
//
//	generate.go     both documents as text; where the module lies
//	openapi.go      the OpenAPI document: paths, parameters, answers
//	operations.go   what each operation is for
//	operators.go    the same of /api/ops
//	connecting.go   the same of connecting
//	refusals.go     errors: when they come, an example of each
//	bodies.go       the forms of what operators say in bodies
//	stream_events.go      what streams send
//	samples.go      a request to copy for each operation
//	kinds.go        the schema of each kind of parameter
//	zones.go        names of time zones
//	schemas.go      schemas of Go types
//	comments.go     comments and constants of Go types, read from the source
//	fallback_texts.go     members that mean the same everywhere
//	asyncapi.go     the AsyncAPI document
//	cmd             the command that writes the files
package apidoc
