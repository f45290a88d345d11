package bearer

import (
	"context"

	"github.com/ledgerboard/ledgerboard/api"
)

// Verify returns the principal of a token.
func (j *JWT) Verify(ctx context.Context, token string) (api.Principal, error) {
	return j.verify(ctx, token)
}
