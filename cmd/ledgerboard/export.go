package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

type exportCommand struct {
	installation
	evidence
	remote
	Parent string `type:"hexid" placeholder:"ID" help:"Agency to export from the log, 24 hex digits. By default, the bundle of the token's agency is downloaded from the service at --url."`
	Bundle string `required:"" placeholder:"FILE" help:"File to write. 'ledgerboard verify --bundle FILE --key KEY' verifies it anywhere."`
	Kept   string `type:"existingfile" placeholder:"FILE" help:"Checkpoints or an older bundle that you saved: the bundle leads to the newest checkpoint in this file, so that 'ledgerboard verify --kept FILE' can compare them. Default: the newest checkpoint in the log."`
	Force  bool   `help:"Replace an existing file."`
	JSON   bool   `help:"Print a summary of the bundle as a JSON object."`
}

const notWritten = "no bundle was written; run it again"

// Run writes the file completely or not at all.
func (e exportCommand) Run(ctx context.Context, std streams) error {
	if _, err := os.Lstat(e.Bundle); err == nil && !e.Force { // check before reading the whole log
		return fmt.Errorf("%w, or set --force", alreadyExists(e.Bundle, "--bundle"))
	}
	if e.Parent == "" {
		return interruptedError(ctx, e.fetch(ctx, std), notWritten)
	}
	known, err := e.verifiers(e.storage)
	if err != nil {
		return err
	}
	checkpoint, err := e.keptCheckpoint(ctx, known)
	if err != nil {
		return err
	}
	var exported proof.Exported
	err = e.withExistingLog(ctx, std, func(log *eventlog.Log) error {
		return e.write(func(out io.Writer) (err error) {
			exported, err = proof.Export(ctx, proof.ExportConfig{
				Source: log, Parent: e.Parent, Verifiers: known, Checkpoint: checkpoint,
			}, out)
			return err
		})
	})
	if err != nil {
		return interruptedError(ctx, explainProof(err), notWritten)
	}
	signed := exported.Checkpoint.Time.Format("2006-01-02 15:04:05 MST")
	return say(std.Out, e.JSON, exported,
		"%s contains %d records of agency %s; the checkpoint of %s covers %d of them.\n",
		e.Bundle, exported.Records, e.Parent, signed, exported.Covered)
}

func (e exportCommand) fetch(ctx context.Context, std streams) error {
	if e.JSON {
		return usageError{errors.New("--json works only with exports from the log: remove it or --url")}
	}
	known, err := e.configuredKeys()
	if err != nil {
		return err
	}
	checkpoint, err := e.keptCheckpoint(ctx, known)
	if err != nil {
		return err
	}
	query := url.Values{}
	if checkpoint != "" {
		query.Set("checkpoint", checkpoint)
	}
	at, err := e.client()
	if err != nil {
		return err
	}
	err = e.write(func(out io.Writer) error {
		_, err := at.download(ctx, http.MethodGet, "/api/audit/bundle", query, nil, out)
		return err
	})
	if err != nil {
		return err
	}
	if known == nil {
		fmt.Fprintf(std.Out, "%s was written but not verified. Verify it with 'ledgerboard verify --bundle %[1]s --key KEY'.\n",
			e.Bundle)
		return nil
	}
	return verifyCommand{evidence: e.evidence, Bundle: e.Bundle, Kept: e.Kept}.bundle(ctx, std)
}

// keptCheckpoint returns the id of the checkpoint that the bundle leads to; "" for the newest.
func (e exportCommand) keptCheckpoint(ctx context.Context, known note.Verifiers) (string, error) {
	kept, err := readKept(ctx, e.Kept, known)
	checkpoint := kept.Checkpoint()
	switch {
	case err != nil:
		return "", err
	case len(kept.Findings) > 0:
		return "", fmt.Errorf("%s: %s", e.Kept, plain(kept.Findings[0].Detail))
	case checkpoint == "" && e.Kept != "":
		return "", usageError{fmt.Errorf("%s contains no checkpoint that is signed with a key of --key", e.Kept)}
	}
	return checkpoint, nil
}

func (e exportCommand) write(content func(io.Writer) error) error {
	if e.Force {
		return writeAs(e.Bundle, content, os.Rename)
	}
	return writeNew(e.Bundle, "--bundle", content)
}

func explainProof(err error) error {
	switch {
	case errors.Is(err, proof.ErrKeyNeeded):
		return usageError{fmt.Errorf("%w: set --key or LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS", err)}
	case errors.Is(err, proof.ErrNotCovered):
		return fmt.Errorf("%w: if LEDGERBOARD_CHECKPOINT_KEY is set, the service signs a checkpoint when it starts, "+
			"every hour, and when it stops", err)
	case errors.Is(err, proof.ErrContradiction):
		return fmt.Errorf("%w: run 'ledgerboard verify --all'", err)
	default:
		if known, ok := errors.AsType[*domain.Error](err); ok {
			return errors.New(known.Message) // users of the command line need no error code
		}
		return err
	}
}
