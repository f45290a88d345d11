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
	version, err := clientVersion(files)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		switch name {
		case clientManifest:
			content = manifestVersion.ReplaceAll(content, []byte("${1}-"+version))
		case "README.md":
			content = bytes.ReplaceAll(content, []byte("http://localhost:6001"), []byte(base))
		}
		header := &tar.Header{Name: "package/" + name, Mode: 0o644, Size: int64(len(content)), ModTime: packedAt, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		_, err = archive.Write(content)
		return err
	})
	if err = cmp.Or(err, archive.Close(), zipped.Close()); err != nil {
		return nil, fmt.Errorf("pack client: %w", err)
	}
	return packed.Bytes(), nil
}

// clientManifest is the package manifest of the client.
const clientManifest = "package.json"

var manifestVersion = regexp.MustCompile(`(?m)(^  "version": "[0-9.]+)`)

// clientVersion returns a version that depends on the contents of the client. It starts with a
// letter, because npm refuses numbers with a leading 0.
func clientVersion(files fs.FS) (string, error) {
	sum := sha256.New()
	for _, name := range []string{clientManifest, "index.js", "index.d.ts", "schema.d.ts"} {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return "", fmt.Errorf("read client: %w", err)
		}
		_, _ = sum.Write(content)
	}
	return "c" + hex.EncodeToString(sum.Sum(nil))[:12], nil
}

func getClientPackage(w http.ResponseWriter, r *http.Request) error {
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
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
func getClientScript(w http.ResponseWriter, _ *http.Request) error {
	script, err := clientFiles.ReadFile("typescript/index.js")
	if err != nil {
		return fmt.Errorf("read client: %w", err)
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	_, _ = w.Write(script)
	return nil
}
