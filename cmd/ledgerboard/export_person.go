package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/tempfile"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type exportPersonCommand struct {
	service
	actionFlags
	User   string `xor:"who" required:"" type:"hexid" placeholder:"ID" help:"User id, 24 hex digits."`
	Member int64  `xor:"who" required:"" placeholder:"ID" help:"Member id. If the member belongs to a user, the file contains the user and all members of the user."`
	Out    string `required:"" placeholder:"FILE" help:"File to write: one JSON object, for that person only. docs/privacy.md describes it."`
	JSON   bool   `help:"Print the number of rows per section as a JSON array."`
}

// Run writes the file completely or not at all. Only the owner of the file can read it.
func (e exportPersonCommand) Run(ctx context.Context, std streams) error {
	if _, err := os.Lstat(e.Out); err == nil {
		return alreadyExists(e.Out, "--out")
	}
	subject, path := "user "+e.User, "/api/ops/users/"+e.User+"/export"
	if e.User == "" {
		subject, path = fmt.Sprintf("member %d", e.Member), fmt.Sprintf("/api/ops/members/%d/export", e.Member)
	}
	at, err := e.client(ctx)
	if err != nil {
		return err
	}
	reason, err := e.confirm(std, fmt.Sprintf("write all data stored about %s to %s", subject, e.Out))
	if err != nil {
		return err
	}
	sections, err := e.write(ctx, at, path, reason)
	if err != nil {
		return interruptedError(ctx, err, "no file was written; run it again")
	}
	if e.JSON {
		return json.NewEncoder(std.Out).Encode(sections)
	}
	fmt.Fprintf(std.Out, "%s contains the data stored about %s:\n", e.Out, subject)
	for _, section := range sections {
		if section.Rows > 0 {
			fmt.Fprintf(std.Out, "  %-30s %d\n", plain(section.Section), section.Rows)
		}
	}
	fmt.Fprintln(std.Out, "The file is for this person only: give it to the person, then delete it.")
	return nil
}

func (e exportPersonCommand) write(
	ctx context.Context, at client, path string, reason domain.Reason,
) (sections []directory.PersonSectionCount, err error) {
	var header http.Header
	err = writeNew(e.Out, "--out", func(out io.Writer) (err error) {
		header, err = at.download(ctx, http.MethodPost, path, nil, because(reason), out)
		return err
	})
	if err != nil {
		return nil, err
	}
	return sections, json.Unmarshal([]byte(header.Get("Export-Summary")), &sections)
}

func alreadyExists(name, flag string) error {
	return usageError{fmt.Errorf("%s %s already exists; use another file name", flag, name)}
}

// writeNew is writeAs for a new file. It does not replace a file that was created in the meantime.
func writeNew(name, flag string, write func(io.Writer) error) error {
	err := writeAs(name, write, os.Link)
	linked, ok := errors.AsType[*os.LinkError](err)
	switch {
	case !ok:
		return err
	case errors.Is(linked, fs.ErrExist):
		return alreadyExists(name, flag)
	default:
		return fmt.Errorf("%w; the file system of %s must support hard links", err, flag)
	}
}

// writeAs writes a file with owner-only permissions, completely or not at all.
func writeAs(name string, write func(io.Writer) error, give func(temporary, name string) error) error {
	out, err := tempfile.Create(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(out.Name())
	if err := errors.Join(write(out), out.Sync(), out.Close()); err != nil {
		return err
	}
	return give(out.Name(), name)
}
