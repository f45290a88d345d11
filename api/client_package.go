package api

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Generates the TypeScript client from the API document. This requires Node and npm; a test fails
// if the client is out of date.
//go:generate npm --prefix typescript --silent run generate

// clientFiles are the files that `npm pack` packs. The server packs them on request: an archive in
// the repository would not be readable, and its bytes would depend on the version of npm.
//
//go:embed typescript/package.json typescript/README.md typescript/index.js typescript/index.d.ts typescript/schema.d.ts
var clientFiles embed.FS

const (
	patternClientPackage = "/client.tgz"
	patternClientScript  = "/client.js"
)

// packedAt is the time of all archive entries, as in npm, so that the archive depends only on the
// files.
var packedAt = time.Date(1985, 10, 26, 8, 15, 0, 0, time.UTC)

// packClient packs the client as npm does. Its version depends on its contents, because npm
// reinstalls an archive from the same URL only if its version differs. The README contains the URL
// that the client is served at.
func packClient(base string) ([]byte, error) {
	files, _ := fs.Sub(clientFiles, "typescript") // the name is valid
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	for _, name := range append(slices.Clone(versionedFiles), "README.md") {
		content, _ := fs.ReadFile(files, name) // it is embedded
		switch name {
		case clientManifest:
			content = manifestVersion.ReplaceAll(content, []byte("${1}-"+clientVersion(files)))
		case "README.md":
			content = bytes.ReplaceAll(content, []byte("http://localhost:6001"), []byte(base))
		}
		_ = archive.WriteHeader(&tar.Header{
			Name: "package/" + name, Mode: 0o644, Size: int64(len(content)), ModTime: packedAt, Format: tar.FormatUSTAR,
		})
		_, _ = archive.Write(content) // Close returns its error
	}
	if err := cmp.Or(archive.Close(), zipped.Close()); err != nil {
		return nil, fmt.Errorf("pack client: %w", err)
	}
	return packed.Bytes(), nil
}

// clientManifest is the package manifest of the client.
const clientManifest = "package.json"

// versionedFiles are the files that the version of the client depends on.
var versionedFiles = []string{clientManifest, "index.js", "index.d.ts", "schema.d.ts"}

var manifestVersion = regexp.MustCompile(`(?m)(^  "version": "[0-9.]+)`)

// clientVersion returns a version that starts with a letter, because npm refuses numbers with a
// leading 0.
func clientVersion(files fs.FS) string {
	sum := sha256.New()
	for _, name := range versionedFiles {
		content, _ := fs.ReadFile(files, name)
		_, _ = sum.Write(content)
	}
	return "c" + hex.EncodeToString(sum.Sum(nil))[:12]
}

func getClientPackage(_ *Server, w http.ResponseWriter, r *http.Request) error {
	scheme := "http"
	// The first of several proxies is the one that the caller reached.
	proto, _, _ := strings.Cut(strings.Join(r.Header.Values("X-Forwarded-Proto"), ","), ",")
	if r.TLS != nil || strings.EqualFold(strings.TrimSpace(proto), "https") {
		scheme = "https"
	}
	packed, err := packClient(scheme + "://" + r.Host + mountedAt(r, patternClientPackage))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/gzip")
	_, _ = w.Write(packed) // a disconnected caller is not an error
	return nil
}

// getClientScript returns the client as a single module, for pages without a build step.
func getClientScript(_ *Server, w http.ResponseWriter, _ *http.Request) error {
	script, _ := clientFiles.ReadFile("typescript/index.js") // it is embedded
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	_, _ = w.Write(script)
	return nil
}
