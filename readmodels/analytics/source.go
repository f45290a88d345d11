package analytics

import "embed"

// GoFiles are the source of this package. Its structs are the answers, and the API document takes what it
// says of them from the comments here, so that there is one description of each field.
//
//go:embed *.go
var GoFiles embed.FS
