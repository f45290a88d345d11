package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
func (c exportCommand) Run(ctx context.Context, s streams) error {
	if _, err := os.Lstat(c.Bundle); err == nil && !c.Force { // check before reading the whole log
		return fmt.Errorf("%w, or set --force", alreadyExists(c.Bundle, "--bundle"))
	}
	if c.Parent == "" {
		return interruptedError(ctx, c.fetch(ctx, s), notWritten)
	}
	known, err := c.verifiers(c.storage)
	if err != nil {
		return err
	}
	checkpoint, err := c.keptCheckpoint(ctx, known)
	if err != nil {
		return err
	}
	var exported proof.Exported
	err = c.withExistingLog(ctx, s, func(log *eventlog.Log) error {
		return c.write(func(out io.Writer) (err error) {
			exported, err = proof.Export(ctx, proof.ExportConfig{
				Source: log, Parent: c.Parent, Verifiers: known, Checkpoint: checkpoint,
			}, out)
			return err
		})
	})
	if err != nil {
		return interruptedError(ctx, explainProof(err), notWritten)
	}
	signed := exported.Checkpoint.Time.Format("2006-01-02 15:04:05 MST")
	return say(s.Out, c.JSON, exported,
		"%s contains %d records of agency %s; the checkpoint of %s covers %d of them.\n",
		c.Bundle, exported.Records, c.Parent, signed, exported.Covered)
}

func (c exportCommand) fetch(ctx context.Context, s streams) error {
	if c.JSON {
		return usageError{errors.New("--json works only with exports from the log: remove it or --url")}
	}
	known, err := c.configuredKeys()
	if err != nil {
		return err
	}
	checkpoint, err := c.keptCheckpoint(ctx, known)
	if err != nil {
		return err
	}
	query := url.Values{}
	if checkpoint != "" {
		query.Set("checkpoint", checkpoint)
	}
	at, err := c.client()
	if err != nil {
		return err
	}
	err = c.write(func(out io.Writer) error {
		_, err := at.download(ctx, "/api/audit/bundle", query, out)
		return err
	})
	if err != nil {
		return err
	}
	if known == nil {
		fmt.Fprintf(s.Out, "%s was written but not verified. Verify it with 'ledgerboard verify --bundle %[1]s --key KEY'.\n",
			c.Bundle)
		return nil
	}
	return verifyCommand{evidence: c.evidence, Bundle: c.Bundle, Kept: c.Kept}.bundle(ctx, s)
}

// keptCheckpoint returns the id of the checkpoint that the bundle leads to; "" for the newest.
func (c exportCommand) keptCheckpoint(ctx context.Context, known note.Verifiers) (string, error) {
	kept, err := readKept(ctx, c.Kept, known)
	checkpoint := kept.Checkpoint()
	switch {
	case err != nil:
		return "", err
	case len(kept.Findings) > 0:
		return "", fmt.Errorf("%s: %s", c.Kept, plain(kept.Findings[0].Detail))
	case checkpoint == "" && c.Kept != "":
		return "", usageError{fmt.Errorf("%s contains no checkpoint that is signed with a key of --key", c.Kept)}
	}
	return checkpoint, nil
}

func (c exportCommand) write(content func(io.Writer) error) error {
	if c.Force {
		return writeAs(c.Bundle, content, os.Rename)
	}
	return writeNew(c.Bundle, "--bundle", content)
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
