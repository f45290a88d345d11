// Command cmd writes api/openapi.json and api/asyncapi.json of the module that it is run in: `go generate ./api`.
//
// # File map
//
//	main.go  the command
package main
