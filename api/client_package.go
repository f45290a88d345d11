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

// The client of frontends, made of the API document. It needs Node and npm; a test fails when it is out of date.
//go:generate npm --prefix typescript --silent run generate

// clientFiles are what `npm pack` packs there. They are packed here when they are asked for: an archive in the
// repository would say nothing to a reader, and its bytes would follow from the npm that made it.
//
//go:embed typescript/package.json typescript/README.md typescript/index.js typescript/index.d.ts typescript/schema.d.ts
var clientFiles embed.FS

const (
	patternClientPackage = "/client.tgz"
	patternClientScript  = "/client.js"
)

// packedAt is the time of all entries, as npm has it: the archive follows from the files alone.
var packedAt = time.Date(1985, 10, 26, 8, 15, 0, 0, time.UTC)

// packClient packs the client as npm does. Its version says what is in it: of two archives at one address npm takes the newer one only
// where the version is another, and else says "up to date".
// Its README names the address that it was served at.
func packClient(base string) ([]byte, error) {
	files, _ := fs.Sub(clientFiles, "typescript") // the name is a valid one
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

// clientManifest is npm's description of the client.
const clientManifest = "package.json"

var manifestVersion = regexp.MustCompile(`(?m)(^  "version": "[0-9.]+)`)

// clientVersion tells clients apart by what is in them. It begins with a letter: npm takes no number that begins with 0.
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
	_, _ = w.Write(packed) // a caller that has gone away is not our failure
	return nil
}

// getClientScript answers the client as one module, for pages without a build.
func getClientScript(w http.ResponseWriter, _ *http.Request) error {
	script, err := clientFiles.ReadFile("typescript/index.js")
	if err != nil {
		return fmt.Errorf("read client: %w", err)
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	_, _ = w.Write(script)
	return nil
}
