package main

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestSizesAreCountedByPackage(t *testing.T) {
	t.Parallel()
	root := fstest.MapFS{}
	for name, source := range map[string]string{
		"api/a.go": "package api\n\nconst A, b = 1, 2\n\ntype T struct{ Field int }\n\nfunc (*T) Do() {}\n\nfunc (T) hidden() {}\n\n" +
			"type list[E any] []E\n\nfunc (list[E]) Len() {}\n\nfunc F() {}\n",
		"api/b.go":            "package api\n\nvar V int\n",
		"api/a_test.go":       "package api\n\nfunc TestF() {}\n",
		"api/testdata/x.go":   "package x\n",
		"api/openapi.json":    `{"paths":{"/a":{"get":{},"parameters":[]},"/b":{"put":{},"delete":{}}}}`,
		"cmd/x/x.go":          "package x\n\ntype c struct {\n\tA string `env:\"LEDGERBOARD_A\"`\n\tB int `cmd:\"\"`\n}\n",
		"internal/dev/x/x.go": "package x\n",
	} {
		root[name] = &fstest.MapFile{Data: []byte(source)}
	}
	m, err := measure(root)
	require.NoError(t, err)
	require.Equal(t, size{files: 2, lines: 18, bytes: 183, exported: 5}, m.packages["api"])
	var out strings.Builder
	require.NoError(t, m.show(&out))
	require.Regexp(t, `(?s)2\s+18\s+183\s+5\s+api\n.*3\s+24\s+\d+\s+5\s+= what serves\n.*1\s+1\s+10\s+0\s+= internal/dev\n`+
		`3 test lines, 1 settings, 1 commands, 3 operations\n$`, out.String())
}
