package connect

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Disconnected is the result of disconnecting a page.
type Disconnected struct {
	SocialAccountID int64 `json:"social_account_id"` // the connected profile or page, by its id
	// GivenBack is true if the person's consent was revoked, because nothing depends on it anymore.
	GivenBack bool `json:"given_back"`
	// Left says what remains to be done on the platform; null if nothing remains.
	Left domain.OptionalText `json:"left"`
}

var errConnectedByMain = domain.NewError(domain.CodeConflict,
	"This page was connected by the main application, which manages its sign-in. Disconnect it there. "+
		"Nothing was changed.")

var errCannotDisconnect = domain.NewError(domain.CodeUnavailable,
	"Changes to accounts are not being processed at the moment. Nothing was disconnected. Try again later.")

var errNotShownYet = domain.NewError(domain.CodeUnavailable,
	"The page is being disconnected, but the tables do not show it yet. Its tokens are still stored. "+
		"Repeat the request in a minute.")

// Disconnect stops the reading of a page and keeps its figures. A token is deleted when no page is
// read with it anymore, and the consent is revoked when no agency depends on it. Repeating the call
// is safe. Errors: forbidden, not_found, conflict (the main application connected the page),
// unavailable (nothing was changed; or, as the message says, the page will no longer be read, but
// its tokens are still stored until the request is repeated).
func (c *Connect) Disconnect(
	ctx context.Context, r domain.ConnectRequester, socialAccount int64, still AccessCheck,
) (Disconnected, error) {
	done := Disconnected{SocialAccountID: socialAccount}
	page, err := c.Directory.Page(ctx, r.ParentAccount, socialAccount)
	if err != nil {
		return done, err
	}
	if r.Role == roleClient && page.AccountID != r.AccountID {
		return done, errNotYourAccount
	}
	owner := domain.ConnectRequester{
		ParentAccount: r.ParentAccount, AccountID: page.AccountID, UserID: r.UserID, Role: r.Role,
	}
	if err := c.mayAsk(ctx, owner, still); err != nil {
		return done, err
	}
	if !domain.IsComputedID(page.ConnectionID) {
		return done, errConnectedByMain
	}
	why := domain.StatusEndedByAgency
	if r.Role == roleClient {
		why = domain.StatusEndedByClient
	}
	givenBack, left, err := c.endReading(ctx, r, page.DirectorySocialAccount, why)
	done.GivenBack, done.Left = givenBack, domain.OptionalText(left)
	return done, err
}

// endReading records that a page is no longer read, unless the tables show it already, and releases its
// connection. why is "" if the main application ends it.
func (c *Connect) endReading(
	ctx context.Context, by domain.ConnectRequester, page domain.DirectorySocialAccount, why domain.StatusCode,
) (givenBack bool, todo string, err error) {
	if c.Gate() != nil {
		return false, "", errCannotDisconnect
	}
	// Finish even if the caller disconnects.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redeemWithin)
	defer cancel()
	consent, err := c.Store.ConsentOf(ctx, page.ConnectionID)
	if err != nil {
		return false, "", err
	}
	if page.Connected {
		now := c.Now().UTC().Truncate(time.Microsecond)
		page.Connected, page.Ended, page.UpdatedAt = false, why, now
		if err := c.Log.Append(ctx, signed(commands.EntityDraft(page, now), by)); err != nil {
			return false, "", err
		}
		shown := commands.AwaitTables(ctx, c.Moved, func(ctx context.Context) (bool, error) {
			now, err := c.Directory.Page(ctx, page.ParentAccount, page.ID)
			return !now.Connected, err
		})
		if !shown {
			return false, "", errNotShownYet
		}
	}
	return c.release(ctx, page.ConnectionID, consent)
}

// release detaches a connection from its grant if the connection no longer reads anything. If
// nothing else depends on the grant, release revokes the consent. todo says what remains to be done
// on the platform. consent is the time of the connection's consent before the disconnection was
// recorded. If there was a later consent, the connection is in use again and stays attached.
func (c *Connect) release(
	ctx context.Context, connection int64, consent time.Time,
) (givenBack bool, todo string, err error) {
	place, err := c.Places.TokenPlace(ctx, connection)
	if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
		return false, "", err
	}
	signedIn, err := c.Secrets.SignedInAt(ctx, place.SecretRef) // before the check: a main application may send new tokens
	if err != nil {
		return false, "", err
	}
	if reads, err := c.Directory.PagesOf(ctx, []int64{connection}); err != nil || len(reads) > 0 {
		return false, "", err
	}
	grant, left, known, err := c.Store.DetachConnection(ctx, connection, consent)
	if err == nil && place.HandedOver() { // the tokens do not come from a sign-in here
		err = c.Secrets.DeleteOf(ctx, place.SecretRef, signedIn)
	}
	if err != nil || !known || left > 0 {
		return false, "", err
	}
	raw, err := c.Secrets.Get(ctx, grant.SecretRef())
	if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
		c.Logger.ErrorContext(ctx, "read tokens of consent to revoke",
			"platform", grant.Platform.String(), "error", err)
	}
	// Drop the grant before revoking the consent: this fails if someone has connected something
	// with the grant in the meantime.
	dropped, err := c.Store.DropGrant(ctx, grant, c.Now())
	if err != nil {
		return false, "", err
	}
	at := grant.Platform.Title()
	if !dropped {
		return false, "The same person is connecting something else with the same consent, so it was not revoked. " +
			"The person who signed in can remove the app in their settings on " + at + ".", nil
	}
	err = c.revoke(ctx, grant, raw)
	if grant.Platform.Facts().KeepsConsent {
		return false, at + " does not let an app revoke a person's consent. " +
			"The person who signed in can remove the app in their settings there.", nil
	}
	if err != nil {
		c.Logger.WarnContext(ctx, "the platform did not revoke the consent; its stored tokens are deleted",
			"platform", grant.Platform.String(), "error", err)
		return false, "The consent could not be revoked on " + at + ". The stored tokens are deleted. " +
			"The person who signed in can remove the app in their settings there.", nil
	}
	return true, "", nil
}

func (c *Connect) revoke(ctx context.Context, g domain.GrantKey, raw []byte) error {
	signIn, err := c.SignIn(g.Platform)
	if err != nil {
		return err
	}
	var stored commands.StoredTokens
	if err := json.Unmarshal(raw, &stored); err != nil {
		return domain.NewError(domain.CodeInternal, "the stored tokens are not in the expected format")
	}
	return signIn.RevokeConsent(ctx, platforms.Tokens{
		AccessToken: stored.AccessToken, RefreshToken: stored.RefreshToken,
		ExpiresAt: stored.ExpiresAt, RefreshExpiresAt: stored.RefreshExpiresAt, ExternalID: g.Person,
	})
}
