// Command cmd writes api/openapi.json and api/asyncapi.json in the directory api, for `go generate ./api`.
package main
