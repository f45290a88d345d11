package api

import (
	"context"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// OperatorDesk is what operators see and do; internal/desk implements it. Whatever acts is recorded before it acts,
// and refused when it cannot be recorded; what came of it is recorded behind it. Unknown names and ids give not_found with the
// names that there are.
type OperatorDesk interface {
	Projections(ctx context.Context) ([]operator.Projection, error)
	Generations(ctx context.Context) ([]operator.Generation, error)
	Rebuilds(ctx context.Context) ([]operator.Rebuild, error)
	Rebuild(ctx context.Context, id string) (operator.Rebuild, error)
	Parked(ctx context.Context, f operator.ParkedFilter) ([]operator.ParkedEvent, error)
	Topics(ctx context.Context) ([]operator.Topic, error)
	Pauses(ctx context.Context) ([]domain.Pause, error)
	// Connections is how the connected accounts of all agencies are read.
	Connections(ctx context.Context, q readmodels.ReadingsQuery) ([]readmodels.ConnectionReading, error)
	// ReadConnection makes the accounts of a connection due now. Conflict: none of them is read, and why.
	ReadConnection(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error
	// Actions is what operators did, newest first, and the cursor of the next page. A malformed cursor is invalid.
	Actions(ctx context.Context, limit int, cursor string) (actions []operator.Action, next string, err error)

	Pause(ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error
	Resume(ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error
	RequestRebuild(ctx context.Context, c commands.Caller, projection string, reason domain.Reason) (operator.Rebuild, error)
	SwitchBack(ctx context.Context, c commands.Caller, projection string, reason domain.Reason) (operator.Rebuild, error)
	CancelRebuild(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error
	// PrepareGeneration makes a generation of this program's version beside those that serve, unless it is there.
	PrepareGeneration(ctx context.Context, c commands.Caller, projection string, reason domain.Reason) (operator.Prepared, error)
	// RetryParked folds parked events again, all of them without ids.
	RetryParked(ctx context.Context, c commands.Caller, ids []string, reason domain.Reason) (operator.RetryResult, error)
	// SkipParked leaves an event out, one of an agency's dashboards for good. What cannot be left out is conflict.
	SkipParked(ctx context.Context, c commands.Caller, id string, reason domain.Reason) (operator.SkipResult, error)
	// InspectParked shows a record, which is recorded.
	InspectParked(ctx context.Context, c commands.Caller, id string, reason domain.Reason) (operator.ParkedRecord, error)
}
