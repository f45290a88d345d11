package readmodels

import (
	"context"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ErrConnectionNotFound (not_found): the directory has no such connection, or not yet.
var ErrConnectionNotFound = domain.NewError(domain.CodeNotFound,
	"The directory does not know this connection. Send or import it first (directory.connection.v1, the row of tMemberAuth), "+
		"and wait until the tables show it.")

// TokenPlace returns where the tokens of a connection are stored and whether it waits for new ones.
// Errors: [ErrConnectionNotFound].
func (c Connections) TokenPlace(ctx context.Context, connection int64) (place domain.TokenPlace, err error) {
	place.ConnectionID = connection
	doing := fmt.Sprintf("look up connection %d", connection)
	known, err := found(c.Pool.QueryRow(ctx, `
		select a.p_id, coalesce(a.secret_ref, ''), k.signed_in_at, coalesce(st.state, '`+domain.ConnectionOK+`'), st.at
		from tMemberAuth a
		left join kept.secrets k on k.ref = a.secret_ref
		left join connection_states st on st.connection_id = a.id
		where a.id = $1`, connection), doing, &place.Platform, &place.SecretRef, &place.StoredAt, &place.State, &place.StateAt)
	if err == nil && !known {
		err = wrapped(doing, ErrConnectionNotFound)
	}
	return place, err
}
