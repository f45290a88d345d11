package apidoc

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	frontendGuide = "docs/frontend.md"
	codesBelow    = "<!-- status codes: written by go generate ./api -->\n"
	codesAbove    = "<!-- end of status codes -->\n"
)

// withStatusCodes returns the guide for frontends with the current list of status codes.
func withStatusCodes(root string) ([]byte, error) {
	guide, err := os.ReadFile(filepath.Join(root, frontendGuide))
	if err != nil {
		return nil, fmt.Errorf("read the guide for frontends: %w", err)
	}
	before, rest, begins := bytes.Cut(guide, []byte(codesBelow))
	_, after, ends := bytes.Cut(rest, []byte(codesAbove))
	if !begins || !ends {
		return nil, fmt.Errorf("%s has no lines %q and %q around the list of codes", frontendGuide, codesBelow, codesAbove)
	}
	list := bytes.NewBufferString("| code | seen by | text | remedy |\n|---|---|---|---|\n")
	for _, code := range domain.StatusCodes() {
		remedy := cmp.Or(code.Remedy(), "–")
		fmt.Fprintf(list, "| `%s` | %s | %s | %s |\n", code, domain.StatusTextOf(code).Seen, domain.APIText(code), remedy)
		if lacks := domain.StatusTextOf(code).Lacks; lacks != "" {
			fmt.Fprintf(list, "| `%s` with `metric` | %s | %s | %s |\n", code, domain.SeenByAll, lacks, remedy)
		}
	}
	return bytes.Join([][]byte{before, []byte(codesBelow), list.Bytes(), []byte(codesAbove), after}, nil), nil
}
