package signin

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// refOf returns the ref for which the refresh token of a session is sealed.
func refOf(digest []byte) string { return "session/" + hex.EncodeToString(digest) }

// seal returns the sealed refresh token of a session; nil without one, or without a key.
func (s *Sessions) seal(digest []byte, refresh string) (keyID *string, sealed []byte) {
	if refresh == "" || s.keys == nil {
		return nil, nil
	}
	id, sealed := s.keys.Current().Seal(refOf(digest), []byte(refresh))
	return &id, sealed
}

// EndAtProvider ends the sessions here that a provider ended there, and returns their number. A
// session that began without the provider's ID of it may be the one, and ends as well.
func (s *Sessions) EndAtProvider(ctx context.Context, l Logout) (ended int, err error) {
	tag, err := s.pool.Exec(ctx, `
		delete from sessions where ($3 = '' or provider_session in ($3, '') and ($2 <> '' or provider_session <> '')) and
		  case when $2 = '' then exists (select from unnest(known_as) n where starts_with(n, $1 || ' '))
		  else $1 || ' ' || $2 = any(known_as) end`, l.Issuer, l.Subject, l.Session)
	return int(tag.RowsAffected()), pg.Wrap("end the sessions of a logout at the provider", err)
}

// Recheck asks the provider whether a session goes on there, if that was last asked before since and
// a refresh token was kept. renew returns the next refresh token; if its error is
// [ErrEnded], the session ends here too, as it does if the key of its token was removed. Of several
// concurrent calls one asks, because a refresh token may work only once. Errors: [ErrNoSession] if the session ended, and other errors
// of renew: the session goes on, and is asked about again after the same time.
func (s *Sessions) Recheck(
	ctx context.Context, digest []byte, since, now time.Time, renew func(ctx context.Context, refresh string) (string, error),
) error {
	if s.keys == nil {
		return nil
	}
	var keyID string
	var sealed []byte
	err := s.pool.QueryRow(ctx, `
		update sessions set checked_at = $3 where digest = $1 and sealed is not null and coalesce(checked_at, begun_at) < $2
		returning key_id, sealed`, digest, since, now).Scan(&keyID, &sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return pg.Wrap("read the refresh token of a session", err)
	}
	var next string
	if refresh, unreadable := s.keys.Current().Open(refOf(digest), keyID, sealed); unreadable != nil {
		err = ErrEnded // its key was removed: only a new sign-in asks the provider again
	} else {
		next, err = renew(ctx, string(refresh))
	}
	if errors.Is(err, ErrEnded) {
		_, err = s.pool.Exec(ctx, `delete from sessions where digest = $1`, digest)
		if err == nil {
			err = ErrNoSession
		}
		return pg.Wrap("end a session that ended at the provider", err)
	}
	if err != nil {
		return err
	}
	nextKey, sealed := s.seal(digest, next)
	return pg.Exec(ctx, s.pool, "store the refresh token of a session",
		`update sessions set key_id = $2, sealed = $3 where digest = $1`, digest, nextKey, sealed)
}
