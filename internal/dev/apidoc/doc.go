// Package apidoc writes the two documents that the program serves: api/openapi.json (OpenAPI 3.1)
// and api/asyncapi.json (AsyncAPI 3). `go generate ./api` runs it; a test fails if a committed
// document is out of date.
//
// The contents of the documents have these sources:
//
//   - paths, operation ids, roles, parameters, errors and types of responses: the route table, through
//     [api.Operations];
//   - descriptions of operations: the comments above their registrations, whose first sentences are
//     the summaries;
//   - schemas: the Go types of the inputs and responses, with the tags of [api.Parameter] and, in
//     bodies, format and example (kinds.go);
//   - descriptions of parameters, types and members: the comments of the fields and types. A Go name
//     at the start of a comment is removed. Comments refer to other members by their JSON names in
//     backquotes, and contain {placeholders} for facts about the platforms;
//   - errors: refusals.go;
//   - events: the registry of domain, with its frozen samples as examples.
//
// The schemas of types are made here (schemas.go) and not by kin-openapi's openapi3gen, which was
// tried on all types of the document: 3 of 160 components were equal, because it marks no member as
// required (155 components), knows no comments (900 of 1,040 members) and no constants (53 components),
// and does not tell null from absent. What it would save is a switch of 40 lines over kinds.
//
// Parts that occur several times become components (share.go). Only stream_events.go names single
// operations; api/testdata/examples.json has their examples.
package apidoc
