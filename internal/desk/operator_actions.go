package desk

import (
	"context"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Actions lists what operators did, the newest first, and what came of it.
func (d *Desk) Actions(ctx context.Context, limit int, cursor string) (actions []operator.Action, next string, err error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return nil, "", err
	}
	actions, next, err = readmodels.OperatorActions(ctx, tables, readmodels.Page{Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", err
	}
	rebuilds, err := d.rebuilds.List(ctx)
	if err != nil {
		return nil, "", err
	}
	states := map[string]operator.RebuildState{}
	for _, r := range rebuilds {
		states[r.ID] = r.State
	}
	for i := range actions {
		actions[i].RebuildState = states[actions[i].Rebuild]
	}
	return actions, next, nil
}
