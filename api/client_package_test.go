package api_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

func unpack(t *testing.T, packed io.Reader) map[string]string {
	t.Helper()
	unzipped, err := gzip.NewReader(packed)
	require.NoError(t, err)
	files := map[string]string{}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		files[header.Name] = string(content)
	}
}

// The package that is served is what npm packs, byte by byte of each file, and always the same archive. Only its version says more: npm
// looks at nothing else when a project installs it once more, from a newer server.
func TestServedClientIsWhatNpmPacks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	served := b.ask(http.MethodGet, "http://boards.example:7001/client.tgz", "")
	require.Equal(t, http.StatusOK, served.status)
	require.Equal(t, "application/gzip", served.header.Get("Content-Type"))
	require.Equal(t, served.body, setup(t).ask(http.MethodGet, "http://boards.example:7001/client.tgz", "").body)
	files := unpack(t, strings.NewReader(served.body))
	script := b.ask(http.MethodGet, "/client.js", "")
	require.Equal(t, "text/javascript; charset=utf-8", script.header.Get("Content-Type"))
	require.Equal(t, files["package/index.js"], script.body)
	require.Contains(t, script.body, "export class Client")

	require.Contains(t, files["package/README.md"], "npm install http://boards.example:7001/client.tgz")
	require.NotContains(t, files["package/README.md"], "6001")
	files["package/README.md"] = strings.ReplaceAll(files["package/README.md"], "http://boards.example:7001", "http://localhost:6001")

	needs.Programs(t, "node", "npm")
	into := t.TempDir()
	pack := exec.Command("npm", "pack", "--json", "--loglevel=error", "--ignore-scripts", "--pack-destination", into)
	pack.Dir, pack.Stderr = "typescript", os.Stderr
	said, err := pack.Output()
	require.NoError(t, err)
	var packed []struct{ Filename string }
	require.NoError(t, json.Unmarshal(said, &packed))
	archive, err := os.Open(filepath.Join(into, packed[0].Filename))
	require.NoError(t, err)
	defer archive.Close()
	as := unpack(t, archive)
	version := regexp.MustCompile(`"version": "1\.0\.0(-c[0-9a-f]{12})"`).FindStringSubmatch(files["package/package.json"])
	require.NotNil(t, version, files["package/package.json"])
	files["package/package.json"] = strings.Replace(files["package/package.json"], version[1], "", 1)
	require.Equal(t, as, files)
}

// Another client has another version.
func TestClientsVersionFollowsFromItsFiles(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{}
	for _, name := range []string{"package.json", "index.js", "index.d.ts", "schema.d.ts"} {
		files[name] = &fstest.MapFile{Data: []byte(name)}
	}
	seen := map[string]bool{}
	for _, changed := range []string{"", "package.json", "index.js", "index.d.ts", "schema.d.ts"} {
		if changed != "" {
			files[changed] = &fstest.MapFile{Data: []byte("other " + changed)}
		}
		version, err := api.ClientVersion(files)
		require.NoError(t, err)
		require.False(t, seen[version], changed)
		seen[version] = true
	}
}
