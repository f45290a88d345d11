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
	// Left says what remains to be done at the platform; "": nothing.
	Left string `json:"left"`
}

var errConnectedByMain = domain.NewError(domain.CodeConflict,
	"This page was connected by the main application, which holds its sign-in. Disconnect it there. Nothing was changed.")

// Disconnect stops reading a page and keeps its figures. Our token goes with the last page that it reads, and the consent is given back when
// nothing of any agency hangs on it. Repeating it is harmless. Errors: forbidden, not_found, conflict (the main application connected it).
func (c *Connect) Disconnect(ctx context.Context, r domain.ConnectRequester, socialAccount int64, still Still) (Disconnected, error) {
	done := Disconnected{SocialAccountID: socialAccount}
	page, err := c.Directory.Page(ctx, r.ParentAccount, socialAccount)
	if err != nil {
		return done, err
	}
	if r.Role == roleClient && page.AccountID != r.AccountID {
		return done, errNotYourAccount
	}
	if _, err := c.rights(ctx, domain.ConnectRequester{ParentAccount: r.ParentAccount, AccountID: page.AccountID, UserID: r.UserID, Role: r.Role}, still); err != nil {
		return done, err
	}
	if !domain.Computed(page.ConnectionID) {
		return done, errConnectedByMain
	}
	now := c.Now().UTC().Truncate(time.Microsecond)
	page.Connected, page.UpdatedAt = false, now
	if err := c.Log.Append(ctx, signed(commands.EntityDraft(page.DirectorySocialAccount, now), r)); err != nil {
		return done, err
	}
	c.shown(ctx, func(ctx context.Context) (bool, error) {
		now, err := c.Directory.Page(ctx, r.ParentAccount, socialAccount)
		return !now.Connected, err
	})
	return done, c.letGo(ctx, page.ConnectionID, &done)
}

// letGo takes a connection that reads nothing any more off its grant.
func (c *Connect) letGo(ctx context.Context, connection int64, done *Disconnected) error {
	reads, err := c.Directory.PagesOf(ctx, []int64{connection})
	if err != nil {
		return err
	}
	for _, page := range reads {
		if page.ID != done.SocialAccountID {
			return nil
		}
	}
	grant, left, known, err := c.Store.Unhang(ctx, connection)
	if err != nil || !known || left > 0 {
		return err
	}
	back := c.giveBack(ctx, grant)
	dropped, err := c.Store.DropGrant(ctx, grant)
	if err != nil || !dropped { // somebody has connected something meanwhile
		return err
	}
	if done.GivenBack = back == nil; back != nil {
		c.Logger.WarnContext(ctx, "a consent was not given back at the platform; its tokens are deleted here", "platform", grant.Platform.String(), "error", back)
		done.Left = Shown(grant.Platform) + " could not be told. Our tokens are deleted; whoever signed in can remove the app in their settings there."
	}
	if grant.Platform == domain.Instagram {
		done.GivenBack, done.Left = false, "Instagram has no way for an app to do so: whoever signed in can remove the app in their settings there."
	}
	return nil
}

// giveBack takes the person's consent back.
func (c *Connect) giveBack(ctx context.Context, g domain.GrantKey) error {
	signIn, err := c.SignIns.SignIn(g.Platform)
	if err != nil {
		return err
	}
	raw, err := c.Secrets.Get(ctx, g.SecretRef())
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
