package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// TokenStore is where an import seals tokens.
type TokenStore interface {
	Get(ctx context.Context, ref string) ([]byte, error)
	Put(ctx context.Context, ref string, secret []byte, times domain.SecretTimes) error
}

// ImportConnections takes rows of tMemberAuth over: what may be known of them into the directory, their
// tokens into the secret store and nowhere else.
type ImportConnections struct {
	World   *ImportWorld
	Secrets TokenStore // nil: nothing is stored, for a dry run
	// NoSecret tells whether the store's error means that there is none under a ref.
	NoSecret func(error) bool
	// Places tells which connections wait for a sign-in: theirs are replaced. Nil: none does.
	Places TokenPlaces
	// Replace takes the row's tokens in any case.
	Replace bool
	Now     time.Time
}

// TokenOutcome says what became of a row's tokens.
type TokenOutcome int

// The outcomes.
const (
	TokenStored   TokenOutcome = iota + 1 // or would be
	TokenKept                             // one is stored already; it may have been renewed since
	TokenAbsent                           // the row has none: a person must connect the account again
	TokenReplaced                         // another one took the place of what was stored
)

// ErrNoMember refuses a connection of a member whom nobody knows.
var ErrNoMember = errors.New("memberId: the directory does not know this member; import the members first")

// Draft makes the event of a row. A connection that the directory holds keeps its reference.
func (i ImportConnections) Draft(row legacy.MemberAuth) (domain.Draft, domain.DirectoryConnection, error) {
	c := row.Connection
	if !i.World.KnowsMember(c.MemberID) {
		return domain.Draft{}, c, ErrNoMember
	}
	c.SecretRef = importedRef(domain.KindConnection, c.EntityID())
	if known, ok := i.World.Connection(c.ID); ok && known.SecretRef != "" {
		c.SecretRef = known.SecretRef
	}
	if err := c.Validate(); err != nil {
		return domain.Draft{}, c, err
	}
	return EntityDraft(c, i.Now), c, nil
}

// Seal stores a row's tokens under the connection's reference, before the event that names it is
// appended. A token that is stored stays, because it may be the renewed one, and the old one's renewal is
// used up; unless the connection waits for a person to sign in and the row has another one.
func (i ImportConnections) Seal(ctx context.Context, c domain.DirectoryConnection, row legacy.MemberAuth) (TokenOutcome, error) {
	if row.AccessToken == "" {
		return TokenAbsent, nil
	}
	if i.Secrets == nil {
		return TokenStored, nil
	}
	stored := StoredTokens{AccessToken: row.AccessToken, RefreshToken: row.RefreshToken, InstagramLogin: row.InstagramLogin}
	if c.ExpiresAt != nil {
		stored.ExpiresAt = *c.ExpiresAt
	}
	outcome, taken := TokenStored, i.Now
	raw, err := i.Secrets.Get(ctx, c.SecretRef)
	switch {
	case err == nil:
		var present StoredTokens
		_ = json.Unmarshal(raw, &present) // what is no token of ours is another one than the row's
		place, err := i.place(ctx, c)
		if err != nil {
			return 0, err
		}
		if same := present.AccessToken == row.AccessToken; same || !i.Replace && !place.AwaitsSignIn() {
			return TokenKept, nil
		}
		if stored.RefreshToken == "" {
			stored.RefreshToken, stored.RefreshExpiresAt = present.RefreshToken, present.RefreshExpiresAt
		}
		outcome, taken = TokenReplaced, place.Taken(i.Now)
	case !i.NoSecret(err):
		return 0, fmt.Errorf("look for the tokens of connection %d: %w", c.ID, err)
	}
	sealed, err := EncodeTokens(stored)
	if err != nil {
		return 0, err
	}
	if err := i.Secrets.Put(ctx, c.SecretRef, sealed, stored.Times(taken)); err != nil {
		return 0, fmt.Errorf("store the tokens of connection %d: %w", c.ID, err)
	}
	return outcome, nil
}

// place is what the tables show of a connection; nothing when they do not have it yet.
func (i ImportConnections) place(ctx context.Context, c domain.DirectoryConnection) (place domain.TokenPlace, err error) {
	if i.Places == nil {
		return place, nil
	}
	place, err = i.Places.TokenPlace(ctx, c.ID)
	if domain.CodeOf(err) == domain.CodeNotFound {
		return place, nil
	}
	return place, err
}
