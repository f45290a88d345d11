package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// withdrawal is what the log has of an import.
type withdrawal struct {
	posts, readings int
	accounts        map[int64]bool // whether the withdrawal is on record, by social account
}

// withdraw appends the withdrawal of an import for each social account that it has records of, unless
// that is on record, so a repetition completes a withdrawal that was interrupted.
func (i *importRun) withdraw(ctx context.Context) error {
	found, err := i.readImport(ctx)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("withdraw %d posts and %d readings of %d social accounts", found.posts, found.readings, len(found.accounts))
	var drafts []domain.Draft
	for _, account := range slices.Sorted(maps.Keys(found.accounts)) {
		if !found.accounts[account] {
			event := domain.ImportWithdrawn{SocialAccount: account, Import: i.Withdraw}
			drafts = append(drafts, commands.NewDraft(domain.TopicMetrics, event.Key(), event, i.now))
		}
	}
	switch {
	case len(found.accounts) == 0:
		return usageError{fmt.Errorf("no import %.64q has appended posts or readings; "+
			"'ledgerboard actions' lists imports with their ids", i.Withdraw)}
	case len(drafts) == 0:
		fmt.Fprintf(i.out.Out, "Import %s is already withdrawn.\n", i.Withdraw)
		return nil
	case i.DryRun:
		fmt.Fprintf(i.out.Out, "This would %s (--dry-run; nothing was appended).\n", what)
		return nil
	}
	reason, err := i.confirm(i.out, what)
	if err != nil {
		return err
	}
	audit := commands.Audit{Log: i.log, Now: time.Now, Logger: i.logger(i.out)}
	act := domain.OperatorActed{
		Action: domain.ActionImportWithdrawn, Target: domain.OperatorTarget{Import: i.Withdraw}, Reason: reason,
	}
	err = audit.Act(ctx, operatorCaller(), act, func(ctx context.Context) (commands.Effect, error) {
		for chunk := range slices.Chunk(drafts, importBatch) {
			if err := i.log.AppendBulk(ctx, chunk); err != nil {
				return commands.Effect{}, fmt.Errorf("append (repeat the command to continue): %w", err)
			}
		}
		return commands.Effect{}, nil
	})
	if err != nil {
		return commandError(err)
	}
	fmt.Fprintf(i.out.Out, "Import %s is withdrawn. The service builds its tables again without %d posts and %d readings; "+
		"until then it shows them. Entities, tokens, dashboards and texts of posts stay.\n", i.Withdraw, found.posts, found.readings)
	return nil
}

func (i *importRun) readImport(ctx context.Context) (found withdrawal, err error) {
	if err := i.parts.OpenLog(ctx); err != nil {
		return found, err
	}
	i.log = i.parts.Log
	found.accounts = map[int64]bool{}
	err = i.scanImports(ctx, i.Withdraw, func(_ string, r domain.Recorded) {
		if account, err := strconv.ParseInt(r.Key, 10, 64); err == nil {
			found.add(account, r.Data, i.Withdraw)
		}
	})
	return found, err
}

func (w *withdrawal) add(account int64, data domain.Data, id string) {
	withdrawn := false
	switch e := data.(type) {
	case domain.ImportWithdrawn:
		if withdrawn = e.Import == id; !withdrawn {
			return
		}
	case domain.PostRegistered:
		w.posts++
	default:
		w.readings++
	}
	w.accounts[account] = w.accounts[account] || withdrawn
}
