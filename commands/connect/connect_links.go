package connect

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Links are links by which somebody without a login connects pages.
type Links struct{ *Connect }

// LinkRequest asks for a link by which somebody without a login connects pages.
type LinkRequest struct {
	domain.ConnectRequester
	Platforms []domain.Platform
	Days      int // 1 to [MaxLinkDays]
}

// MadeLink is a link with its address, which is shown once.
type MadeLink struct {
	domain.ConnectLink
	URL string `json:"url"` // to be sent to whoever is to connect
}

var (
	// ErrLinkOver (not_found): there is no such link, it has expired, or it was taken back.
	ErrLinkOver     = domain.NewError(domain.CodeNotFound, "This link does not work any more. Ask whoever sent it for a new one.")
	errLinkPlatform = domain.NewError(domain.CodeUnprocessable, "This link is not for that platform. Choose one of those that its page shows.")
)

// Make makes a link, and records it. Errors: invalid, forbidden, not_found (the account), conflict (no subscription).
func (c Links) Make(ctx context.Context, r LinkRequest, still Still) (MadeLink, error) {
	names, err := c.rights(ctx, r.ConnectRequester, still)
	if err != nil {
		return MadeLink{}, err
	}
	if !names.Subscribed {
		return MadeLink{}, errNoSubscription
	}
	for _, p := range r.Platforms {
		if _, err := c.SignIn(p); err != nil {
			return MadeLink{}, domain.NewError(domain.CodeConflict, "%s cannot be connected here: %v", p, err)
		}
	}
	now, token := c.Now().UTC().Truncate(time.Microsecond), NewWord()
	l := domain.ConnectLink{
		ID: uuid.NewString(), ParentAccount: r.ParentAccount, AccountID: r.AccountID, Platforms: r.Platforms, MadeBy: r.UserID, MadeRole: r.Role,
		MadeAt: now, ExpiresAt: now.AddDate(0, 0, r.Days),
	}
	if err := c.Store.MakeLink(ctx, l, digest(token)); err != nil {
		return MadeLink{}, err
	}
	if err := c.recordChange(ctx, l, domain.ConnectLinkMade, r.ConnectRequester, now); err != nil {
		_, undo := c.Store.RevokeLink(context.WithoutCancel(ctx), l.ParentAccount, l.ID, now)
		return MadeLink{}, errors.Join(err, undo)
	}
	return MadeLink{l, c.PublicURL + "/connect/link/" + token}, nil
}

func (c Links) recordChange(ctx context.Context, l domain.ConnectLink, change string, by domain.ConnectRequester, now time.Time) error {
	event := domain.ConnectLinkChanged{Link: l.ID, Change: change, AccountID: l.AccountID, Platforms: l.Platforms, ExpiresAt: l.ExpiresAt}
	return c.Log.Append(ctx, signed(commands.NewDraft(domain.TopicOperations, l.ParentAccount, event, now), by))
}

// works judges whether a link may be used now: it goes with the rights of whoever made it. Its holder is not told whether those have ended.
func (c *Config) works(ctx context.Context, l domain.ConnectLink, still Still) error {
	if !l.Open(c.Now()) {
		return ErrLinkOver
	}
	maker := domain.ConnectRequester{ParentAccount: l.ParentAccount, AccountID: l.AccountID, UserID: l.MadeBy, Role: l.MadeRole}
	err := c.mayAsk(ctx, maker, still)
	if domain.CodeOf(err) == domain.CodeForbidden {
		err = ErrLinkOver
	}
	return err
}

// List lists the links of an agency, or those of a client's own account, the newest first. Addresses are not among what is known of them.
// Errors: forbidden.
func (c Links) List(ctx context.Context, r domain.ConnectRequester, still Still) ([]domain.ConnectLink, error) {
	if err := c.mayAsk(ctx, r, still); err != nil {
		return nil, err
	}
	account := ""
	if r.Role == roleClient {
		account = r.AccountID
	}
	return c.Store.Links(ctx, r.ParentAccount, account)
}

// Revoke takes a link back, and records it: sign-ins that it began go no further. What was connected by it stays. Errors: forbidden, not_found.
func (c Links) Revoke(ctx context.Context, r domain.ConnectRequester, id string, still Still) (domain.ConnectLink, error) {
	l, err := c.Store.LinkByID(ctx, r.ParentAccount, id)
	if err == nil && r.Role == roleClient && l.AccountID != r.AccountID {
		err = ErrLinkOver
	}
	if err == nil {
		err = c.mayAsk(ctx, r, still)
	}
	if err != nil || l.RevokedAt != nil {
		return l, err
	}
	now := c.Now().UTC().Truncate(time.Microsecond)
	if l, err = c.Store.RevokeLink(ctx, r.ParentAccount, id, now); err != nil {
		return l, err
	}
	return l, c.recordChange(ctx, l, domain.ConnectLinkRevoked, r, now)
}

// LinkPage is what the page of a link shows.
type LinkPage struct {
	domain.ConnectLink
	domain.ConnectNames
	Mine bool // whether this browser holds it
}

// Page returns a link for its page. Looking binds nothing: mail scanners open links. Errors: not_found, forbidden (another browser's).
func (c Links) Page(ctx context.Context, token, cookie string, still Still) (p LinkPage, err error) {
	if p.ConnectLink, err = c.Store.Link(ctx, digest(token)); err != nil {
		return p, err
	}
	if err := c.works(ctx, p.ConnectLink, still); err != nil {
		return p, err
	}
	p.Mine = p.Followed && slices.Equal(p.Cookie, digest(cookie))
	if p.Followed && !p.Mine {
		return p, domain.NewError(domain.CodeForbidden,
			"This link was opened in another browser and works there only. Go back to that browser, or ask whoever sent it for a new link.")
	}
	p.ConnectNames, err = c.Directory.ActiveNames(ctx, p.ParentAccount, p.AccountID, c.Now())
	return p, err
}

// Follow binds a link to the browser, unless one holds it, and begins a sign-in at one of its platforms. Errors: as of [Links.Page] and
// [Connect.Begin], unprocessable (the platform).
func (c Links) Follow(ctx context.Context, token, cookie string, platform domain.Platform, still Still) (Begun, error) {
	l, err := c.Store.Link(ctx, digest(token))
	if err == nil {
		err = c.works(ctx, l, still)
	}
	if err != nil {
		return Begun{}, err
	}
	now := c.Now()
	l, first, err := c.Store.FollowLink(ctx, digest(token), digest(cookie), now)
	if err != nil {
		return Begun{}, err
	}
	by := domain.ConnectRequester{ParentAccount: l.ParentAccount, AccountID: l.AccountID, LinkID: l.ID}
	if first {
		if err := c.recordChange(ctx, l, domain.ConnectLinkFollowed, by, now); err != nil {
			return Begun{}, err
		}
	}
	if !slices.Contains(l.Platforms, platform) {
		return Begun{}, errLinkPlatform
	}
	return c.Begin(ctx, Request{ConnectRequester: by, Platform: platform}, still)
}
