// Command cmd writes api/openapi.json and api/asyncapi.json in the module where it runs: `go generate ./api`.
package main
