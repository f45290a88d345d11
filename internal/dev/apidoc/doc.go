// Package apidoc writes the two documents that the program serves: api/openapi.json (OpenAPI 3.1)
// and api/asyncapi.json (AsyncAPI 3). `go generate ./api` runs it; a test fails if a committed
// document is out of date.
//
// The contents of the documents have these sources:
//
//   - paths, operation ids, roles, parameters, and types of responses: the route table, through
//     [api.Operations];
//   - descriptions of operations and errors: the tables here (operations.go, refusals.go);
//   - schemas: the Go types of the responses;
//   - descriptions of parameters: the comments of the fields of the inputs;
//   - descriptions of types and members: the comments of the types and fields. A Go name at the
//     start of a comment is removed. Comments refer to other members by their JSON names in
//     backquotes, and contain {placeholders} for facts about the platforms;
//   - events: the registry of domain, with its frozen samples as examples.
package apidoc
