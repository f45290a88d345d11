package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/ledgerboard/ledgerboard/internal/dev/apidoc"
)

func main() {
	if err := write(); err != nil {
		log.Fatal(err)
	}
}

func write() error {
	root, err := apidoc.Root()
	if err != nil {
		return err
	}
	files, err := apidoc.Generate(root)
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
