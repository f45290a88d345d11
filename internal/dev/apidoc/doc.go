// Package apidoc writes the two documents that the program serves: api/openapi.json (OpenAPI 3.1)
// and api/asyncapi.json (AsyncAPI 3). `go generate ./api` runs it; a test fails when a committed
// document is not what the source says.
//
// What the documents say comes from one place each:
//
//   - paths, operation ids, roles, parameters, types of answers: the route table, by
//     [api.Describe];
//   - what an operation is for, and its errors: the tables here (operations.go, refusals.go);
//   - schemas: the Go types of the answers;
//   - what a type or a member means: the comment of the type or the field, else the glossary here.
//     Comments are shown as they are written, but for two things: a comment begins with the Go name
//     of what it explains, and the document says the member's name there; and lists of platforms
//     and their facts stand as {placeholders}. Other members stand in comments by their JSON names,
//     in backquotes;
//   - events: the registry of domain, with its frozen samples as examples.
package apidoc
