package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// EarlierElsewhere are the earlier generations for a process that need not own tables, as one that strangers reach: a process that folds
// drops them, which may be the same one.
type EarlierElsewhere struct{ Earlier }

// askedFor is how long who asks for a drop waits, and how long it is asked for: who has gone away asks again, and an old wish drops
// nothing.
const askedFor = time.Minute

// Drop has one of them dropped as [Earlier.Drop] does, and waits for it. CodeConflict says why that cannot be now, CodeUnavailable that no
// process answers.
func (e EarlierElsewhere) Drop(ctx context.Context, on domain.OperatorTarget) error {
	_, err := e.Pool.Exec(ctx, `update generations set drop_asked = clock_timestamp(), drop_refused = null where projection = $1 and generation = $2`,
		on.Projection, on.Generation)
	if err != nil {
		return fmt.Errorf("ask for the drop of generation %s: %w", generationName(on.Projection, on.Generation), err)
	}
	for until := time.Now().Add(askedFor); time.Now().Before(until); {
		var waits bool
		var refused string
		err := e.Pool.QueryRow(ctx, `
			select drop_asked is not null and (state <> 'dropped' or exists (
			         select from pg_namespace where nspname = 'lb_' || projection || '_g' || generation)), coalesce(drop_refused, '')
			from generations where projection = $1 and generation = $2`, on.Projection, on.Generation).Scan(&waits, &refused)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return domain.NewError(domain.CodeNotFound, "there is no generation %d of %s", on.Generation, on.Projection)
		case err != nil:
			return fmt.Errorf("wait for the drop of generation %s: %w", generationName(on.Projection, on.Generation), err)
		case refused != "":
			return domain.NewError(domain.CodeConflict, "%s", refused)
		case !waits:
			return nil
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
	return domain.NewError(domain.CodeUnavailable, "no process with the role projector has dropped generation %d of %s within %s; see that one runs, "+
		"and what its log says", on.Generation, on.Projection, askedFor)
}

// dropAsked drops the generations that others ask for, and answers them; those alone that no record reaches. Of two processes the second
// finds nothing left to drop; one that dies before it has answered leaves that to another.
func (e *Engine) dropAsked(ctx context.Context) error {
	asked, err := e.numbers(ctx, `drop_asked > clock_timestamp() - $3::interval and `+unreached, e.projector.Version(), askedFor)
	if err != nil {
		return err
	}
	earlier := Earlier{Pool: e.pool, DeleteGroup: e.deleteGroup}
	var errs []error
	for _, number := range asked {
		errs = append(errs, e.dropAndAnswer(ctx, earlier, number))
	}
	return errors.Join(errs...)
}

// dropAndAnswer drops one, and answers what it came to. An error is nobody's answer: it is tried again at the next look.
func (e *Engine) dropAndAnswer(ctx context.Context, earlier Earlier, number int) error {
	err := earlier.Drop(ctx, domain.OperatorTarget{Projection: e.projector.Name(), Generation: number})
	var why *string
	refused, known := errors.AsType[*domain.Error](err)
	switch {
	case err == nil, known && refused.Code == domain.CodeNotFound: // another process came first
	case known && refused.Code == domain.CodeConflict:
		why = &refused.Message
	default:
		return err
	}
	_, err = e.pool.Exec(ctx, `
		update generations set drop_asked = null, drop_refused = $3 where projection = $1 and generation = $2 and drop_asked is not null`, // the first answer counts
		e.projector.Name(), number, why)
	if err != nil {
		return fmt.Errorf("answer who asked for the drop of generation %s: %w", generationName(e.projector.Name(), number), err)
	}
	return nil
}
