// Command cmd writes api/openapi.json, api/asyncapi.json and the list of status codes in
// docs/frontend.md, for `go generate ./api`. It runs anywhere in the repository.
package main
