package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ledgerboard/ledgerboard/internal/dev/apidoc"
)

func main() {
	if err := write(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func write(ctx context.Context) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	files, err := apidoc.Generate(root)
	for name, content := range files {
		err = cmp.Or(err, os.WriteFile(filepath.Join(root, name), content, 0o600))
	}
	return err
}

// moduleRoot returns the directory of our module, which contains the working directory: the comments
// in its source are a part of the documents.
func moduleRoot(ctx context.Context) (string, error) {
	const module = "github.com/ledgerboard/ledgerboard"
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find the source of %s (run this in its repository): %w", module, err)
	}
	return strings.TrimSpace(string(dir)), nil
}
