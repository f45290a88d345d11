package connect

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Disconnected says what became of a page that is read no more.
type Disconnected struct {
	SocialAccountID int64 `json:"social_account_id"`
	// GivenBack tells whether nothing hangs on the person's consent any more and it was given back at the platform.
	GivenBack bool `json:"given_back"`
	// Left says what remains to be done at the platform; null: nothing.
	Left domain.OptionalText `json:"left"`
}

var errConnectedByMain = domain.NewError(domain.CodeConflict,
	"This page was connected by the main application, which holds its sign-in. Disconnect it there. Nothing was changed.")

var errNotShownYet = domain.NewError(domain.CodeUnavailable,
	"The page is being disconnected, and our tables do not show it yet. Its tokens are still here: ask again in a minute.")

// Disconnect stops reading a page and keeps its figures. Our token goes with the last page that it reads, and the consent is given back when
// nothing of any agency hangs on it. Repeating it is harmless. Errors: forbidden, not_found, conflict (the main application connected it),
// unavailable (to be repeated: the page is about to be read no more, and the tokens are still there).
func (c *Connect) Disconnect(ctx context.Context, r domain.ConnectRequester, socialAccount int64, still Still) (Disconnected, error) {
	done := Disconnected{SocialAccountID: socialAccount}
	page, err := c.Directory.Page(ctx, r.ParentAccount, socialAccount)
	if err != nil {
		return done, err
	}
	if r.Role == roleClient && page.AccountID != r.AccountID {
		return done, errNotYourAccount
	}
	if err := c.mayAsk(ctx, domain.ConnectRequester{ParentAccount: r.ParentAccount, AccountID: page.AccountID, UserID: r.UserID, Role: r.Role}, still); err != nil {
		return done, err
	}
	if !domain.Computed(page.ConnectionID) {
		return done, errConnectedByMain
	}
	// What was begun comes to its end when the caller goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redeemWithin)
	defer cancel()
	seen, err := c.Store.ConsentOf(ctx, page.ConnectionID)
	if err != nil {
		return done, err
	}
	now := c.Now().UTC().Truncate(time.Microsecond)
	page.Connected, page.UpdatedAt = false, now
	if err := c.Log.Append(ctx, signed(commands.EntityDraft(page.DirectorySocialAccount, now), r)); err != nil {
		return done, err
	}
	shown := commands.Shown(ctx, c.Moved, func(ctx context.Context) (bool, error) {
		now, err := c.Directory.Page(ctx, r.ParentAccount, socialAccount)
		return !now.Connected, err
	})
	if !shown {
		return done, errNotShownYet
	}
	givenBack, left, err := c.letGo(ctx, page.ConnectionID, seen)
	done.GivenBack, done.Left = givenBack, domain.OptionalText(left)
	return done, err
}

// letGo takes a connection that reads nothing any more off its grant. If nothing else hangs on that, it is given back; left says what remains
// to be done at the platform. Seen is the consent that it hung on before it was appended that it reads nothing: a later one has connected
// something by it.
func (c *Connect) letGo(ctx context.Context, connection int64, seen time.Time) (givenBack bool, left string, err error) {
	if reads, err := c.Directory.PagesOf(ctx, []int64{connection}); err != nil || len(reads) > 0 {
		return false, "", err
	}
	grant, hanging, known, err := c.Store.Unhang(ctx, connection, seen)
	if err == nil && !known { // a main application may have registered it
		err = c.Secrets.Delete(ctx, domain.RegisteredSecretRef(connection))
	}
	if err != nil || !known || hanging > 0 {
		return false, "", err
	}
	raw, err := c.Secrets.Get(ctx, grant.SecretRef())
	if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
		c.Logger.ErrorContext(ctx, "the tokens of a consent that is to be given back cannot be read", "platform", grant.Platform.String(), "error", err)
	}
	// Only after it was dropped it is certain that nobody has connected something by it meanwhile.
	dropped, err := c.Store.DropGrant(ctx, grant, c.Now())
	if err != nil {
		return false, "", err
	}
	if !dropped {
		return false, "The same person is connecting something else with the same consent, so it was not withdrawn. The person who signed in can remove " +
			"the app in their settings at " + grant.Platform.Title() + ".", nil
	}
	back := c.giveBack(ctx, grant, raw)
	if grant.Platform.Facts().KeepsConsent {
		return false, grant.Platform.Title() + " has no way for an app to do so: whoever signed in can remove the app in their settings there.", nil
	}
	if back != nil {
		c.Logger.WarnContext(ctx, "a consent was not given back at the platform; its tokens are deleted here", "platform", grant.Platform.String(), "error", back)
		return false, grant.Platform.Title() + " could not be told. Our tokens are deleted; whoever signed in can remove the app in their settings there.", nil
	}
	return true, "", nil
}

// giveBack takes the person's consent back, with the tokens that were stored.
func (c *Connect) giveBack(ctx context.Context, g domain.GrantKey, raw []byte) error {
	signIn, err := c.SignIn(g.Platform)
	if err != nil {
		return err
	}
	var stored commands.StoredTokens
	if err := json.Unmarshal(raw, &stored); err != nil {
		return domain.NewError(domain.CodeInternal, "the stored tokens are not of ours")
	}
	return signIn.GiveBack(ctx, platforms.Tokens{
		AccessToken: stored.AccessToken, RefreshToken: stored.RefreshToken, ExpiresAt: stored.ExpiresAt, RefreshExpiresAt: stored.RefreshExpiresAt,
		ExternalID: g.Person,
	})
}
