package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

func (c eraseCommand) list(ctx context.Context, s streams) error {
	return c.reading(ctx, c.logger(s), func(log *eventlog.Log) error {
		lines, err := assembly.Erasures(ctx, log)
		out := json.NewEncoder(s.Out)
		for _, line := range lines {
			err = cmp.Or(err, out.Encode(line))
		}
		return err
	})
}

// repeat erases what the file names and the log holds from before the instant.
func (c eraseCommand) repeat(ctx context.Context, s streams) error {
	lines, err := readErasures(c.From)
	if err != nil {
		return usageError{err}
	}
	if err := errors.Join(c.needLog(), c.needTables()); err != nil {
		return usageError{err}
	}
	reason, err := c.confirm(s, fmt.Sprintf("repeat %d erasures of %s: what was written before their instants goes for good", len(lines), c.From))
	if err != nil {
		return err
	}
	return withParts(c.backends(c.logger(s)), func(parts *assembly.Parts) error {
		if _, err := parts.Log(ctx); err != nil { // before the database is touched
			return err
		}
		if err := parts.Migrate(ctx); err != nil {
			return err
		}
		appended, err := parts.EraseAgain(ctx, domain.NewErasures(lines), reason)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "Repeated %d erasures: %d records appended. The tables follow when the service folds them.\n", len(lines), appended)
		return nil
	})
}

// readErasures reads what --list printed. An error names the line that is wrong: a list that is read in part would erase in part.
func readErasures(path string) (lines []domain.ErasedID, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the list of erasures: %w", err)
	}
	for i, text := range bytes.Split(raw, []byte("\n")) { // whole: a line of any length is read or refused
		var line domain.ErasedID
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		err := json.Unmarshal(text, &line)
		if err == nil && (line.Kind == "" || line.ID == "" || line.At.IsZero()) {
			err = errors.New("kind, id or at is missing")
		}
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w; nothing was erased", path, i+1, err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}
