package main

import (
	"cmp"
	"log"
	"os"
	"path/filepath"

	"github.com/ledgerboard/ledgerboard/internal/dev/apidoc"
)

func main() {
	const root = ".." // go generate runs in api
	files, err := apidoc.Generate(root)
	for name, content := range files {
		err = cmp.Or(err, os.WriteFile(filepath.Join(root, name), content, 0o600))
	}
	if err != nil {
		log.Fatal(err)
	}
}
