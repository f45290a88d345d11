package collect

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ReadOne reads one claimed account whatever its state is, and says why it was not read.
func (c *Collector) ReadOne(ctx context.Context, claim domain.FetchClaim) error {
	round, err := c.newRound(claim)
	if err != nil {
		return err
	}
	ctx, f, err := round.begin(ctx, claim.Tasks[0])
	err = round.one(ctx, f, err)
	if flushed := round.flush(ctx); err == nil {
		err = flushed
	}
	return err
}
