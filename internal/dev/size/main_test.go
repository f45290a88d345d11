package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSizesAreCountedByPackage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, source := range map[string]string{
		"api/a.go": "package api\n\nconst A, b = 1, 2\n\ntype T struct{ Field int }\n\nfunc (*T) Do() {}\n\nfunc (T) hidden() {}\n\n" +
			"type list[E any] []E\n\nfunc (list[E]) Len() {}\n\nfunc F() {}\n",
		"api/b.go":            "package api\n\nvar V int\n",
		"api/a_test.go":       "package api\n\nfunc TestF() {}\n",
		"api/testdata/x.go":   "package x\n",
		"internal/dev/x/x.go": "package x\n",
	} {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o750))
		require.NoError(t, os.WriteFile(name, []byte(source), 0o600))
	}
	sizes, err := measure(dir)
	require.NoError(t, err)
	require.Equal(t, map[string]size{"api": {files: 2, lines: 18, bytes: 183, exported: 5}, "internal/dev/x": {files: 1, lines: 1, bytes: 10}}, sizes)
	var out strings.Builder
	require.NoError(t, show(&out, sizes))
	require.Regexp(t, `(?s)2\s+18\s+183\s+5\s+api\n\s+2\s+18\s+183\s+5\s+= what serves\n.*1\s+1\s+10\s+0\s+= internal/dev\n$`, out.String())
}
