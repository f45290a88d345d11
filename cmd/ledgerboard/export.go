package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

type exportCommand struct {
	storage
	logging
	evidence
	remote
	Parent string `type:"hexid" placeholder:"ID" help:"Agency, 24 hex digits: taken from the log itself. Without: that of the token, from the service at --url."`
	Bundle string `required:"" placeholder:"FILE" help:"File to write. 'ledgerboard verify --bundle FILE --key KEY' checks it anywhere."`
	Force  bool   `help:"Replace the file if it is there already."`
	JSON   bool   `name:"json" help:"Print what the bundle holds as a JSON object."`
}

// notWritten is what an export leaves that was cut.
const notWritten = "no bundle was written; run it again"

// Run implements the command. The file is there whole or not at all.
func (c exportCommand) Run(ctx context.Context, s streams) error {
	if _, err := os.Lstat(c.Bundle); err == nil && !c.Force { // before the whole log is read
		return fmt.Errorf("%w, or use --force", thereAlready(c.Bundle, "--bundle"))
	}
	if c.Parent == "" {
		return interrupted(ctx, c.fetch(ctx, s), notWritten)
	}
	known, err := c.verifiers(c.storage)
	if err != nil {
		return err
	}
	var exported proof.Exported
	err = c.reading(ctx, c.logger(s), func(log *eventlog.Log) error {
		return c.write(func(out io.Writer) (err error) {
			exported, err = proof.Export(ctx, proof.ExportConfig{Source: log, Parent: c.Parent, Known: known}, out)
			return err
		})
	})
	if err != nil {
		return interrupted(ctx, explainProof(err), notWritten)
	}
	return say(s.Out, c.JSON, exported, "%s holds %d records of agency %s, %d of them covered by the checkpoint of %s.\n",
		c.Bundle, exported.Records, c.Parent, exported.Covered, exported.Checkpoint.Time.Format("2006-01-02 15:04:05 MST"))
}

// fetch takes the bundle that the service makes for the holder of the token. Where a key is known, it is checked.
func (c exportCommand) fetch(ctx context.Context, s streams) error {
	if c.JSON {
		return usageError{errors.New("--json is for exports from the log: leave it out with --url")}
	}
	known, err := c.named()
	if err != nil {
		return err
	}
	err = c.write(func(out io.Writer) error { return c.download(ctx, "/api/audit/bundle", nil, out) })
	if err != nil {
		return err
	}
	if known == nil {
		fmt.Fprintf(s.Out, "%s is written and not checked: 'ledgerboard verify --bundle %[1]s --key KEY' does.\n", c.Bundle)
		return nil
	}
	return verifyCommand{evidence: c.evidence, Bundle: c.Bundle}.bundle(ctx, s)
}

// write writes the file, and replaces an existing one only with --force.
func (c exportCommand) write(content func(io.Writer) error) error {
	if c.Force {
		return writeAs(c.Bundle, content, os.Rename)
	}
	return writeNew(c.Bundle, "--bundle", content)
}

func explainProof(err error) error {
	switch {
	case errors.Is(err, proof.ErrKeyNeeded):
		return usageError{fmt.Errorf("%w: --key KEY or LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS", err)}
	case errors.Is(err, proof.ErrNotCovered):
		return fmt.Errorf("%w: the service signs one when it starts, every hour and when it stops, "+
			"if LEDGERBOARD_CHECKPOINT_KEY is set", err)
	case errors.Is(err, proof.ErrContradiction):
		return fmt.Errorf("%w: run 'ledgerboard verify --all'", err)
	default:
		if known, ok := errors.AsType[*domain.Error](err); ok {
			return errors.New(known.Message) // people need no code
		}
		return err
	}
}
