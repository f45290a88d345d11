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

// Links manages links with which a person without a login can connect pages.
type Links struct{ *Connect }

// LinkRequest requests a link.
type LinkRequest struct {
	domain.ConnectRequester
	Platforms []domain.Platform
	Days      int // 1 to [MaxLinkDays]
}

// MadeLink is a link with its address, which is shown only once.
type MadeLink struct {
	domain.ConnectLink
	URL string `json:"url"` // address to send to the person who should connect
}

var (
	// ErrLinkOver (not_found): the link does not exist, has expired, or was revoked.
	ErrLinkOver = domain.NewError(domain.CodeNotFound,
		"This link is no longer valid. Ask the sender for a new one.")
	errLinkPlatform = domain.NewError(domain.CodeUnprocessable,
		"This link does not allow this platform. Choose a platform that the link's page shows.")
)

// Make creates a link and records it. Errors: invalid, forbidden, not_found (the account), conflict
// (no subscription).
func (c Links) Make(ctx context.Context, r LinkRequest, still AccessCheck) (MadeLink, error) {
	names, err := c.rights(ctx, r.ConnectRequester, still)
	if err != nil {
		return MadeLink{}, err
	}
	if !names.Subscribed {
		return MadeLink{}, errNoSubscription
	}
	for _, p := range r.Platforms {
		if err := c.checkSignIn(p); err != nil {
			return MadeLink{}, err
		}
	}
	now, token := c.Now().UTC().Truncate(time.Microsecond), NewSecret()
	l := domain.ConnectLink{
		ID: uuid.NewString(), ParentAccount: r.ParentAccount, AccountID: r.AccountID, Platforms: r.Platforms,
		MadeBy: r.UserID, MadeRole: r.Role, MadeAt: now, ExpiresAt: now.AddDate(0, 0, r.Days), Works: true,
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

func (c Links) recordChange(
	ctx context.Context, l domain.ConnectLink, change string, by domain.ConnectRequester, now time.Time,
) error {
	event := domain.ConnectLinkChanged{
		Link: l.ID, Change: change, AccountID: l.AccountID, Platforms: l.Platforms, ExpiresAt: l.ExpiresAt,
	}
	return c.Log.Append(ctx, signed(commands.NewDraft(domain.TopicOperations, l.ParentAccount, event, now), by))
}

// checkLink checks whether a link can be used now. This depends on the rights of its creator, but
// the holder of the link does not learn whether the creator has lost them.
func (c *Config) checkLink(ctx context.Context, l domain.ConnectLink, still AccessCheck) error {
	if !l.Open(c.Now()) {
		return ErrLinkOver
	}
	err := c.mayAsk(ctx, creatorOf(l), still)
	if domain.CodeOf(err) == domain.CodeForbidden {
		err = ErrLinkOver
	}
	return err
}

func creatorOf(l domain.ConnectLink) domain.ConnectRequester {
	return domain.ConnectRequester{
		ParentAccount: l.ParentAccount, AccountID: l.AccountID, UserID: l.MadeBy, Role: l.MadeRole,
	}
}

// List returns the links of an agency, or of a client's own account, newest first. Addresses are
// not stored, so they are not returned. Errors: forbidden.
func (c Links) List(ctx context.Context, r domain.ConnectRequester, still AccessCheck) ([]domain.ConnectLink, error) {
	if err := c.mayAsk(ctx, r, still); err != nil {
		return nil, err
	}
	account := ""
	if r.Role == roleClient {
		account = r.AccountID
	}
	links, err := c.Store.Links(ctx, r.ParentAccount, account)
	if err != nil {
		return nil, err
	}
	now, rights := c.Now(), map[domain.ConnectRequester]bool{} // by creator and account
	for i, l := range links {
		if !l.Open(now) {
			continue
		}
		creator := creatorOf(l)
		works, known := rights[creator]
		if !known {
			_, err := c.rights(ctx, creator, still)
			if code := domain.CodeOf(err); err != nil && code != domain.CodeForbidden && code != domain.CodeNotFound {
				return nil, err
			}
			works = err == nil
			rights[creator] = works
		}
		links[i].Works = works
	}
	return links, nil
}

// Revoke revokes a link and records it. Sign-ins that were started with the link cannot continue.
// Pages that were connected with it stay connected. Errors: forbidden, not_found.
func (c Links) Revoke(
	ctx context.Context, r domain.ConnectRequester, id string, still AccessCheck,
) (domain.ConnectLink, error) {
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

// LinkPage is the data that the page of a link shows.
type LinkPage struct {
	domain.ConnectLink
	domain.ConnectNames
	Mine bool // whether this browser owns the link
}

// Page returns a link for its page. It does not bind the link to the browser, because mail scanners
// open links. Errors: not_found, forbidden (bound to another browser).
func (c Links) Page(ctx context.Context, token, cookie string, still AccessCheck) (p LinkPage, err error) {
	if p.ConnectLink, err = c.Store.Link(ctx, digest(token)); err != nil {
		return p, err
	}
	if err := c.checkLink(ctx, p.ConnectLink, still); err != nil {
		return p, err
	}
	p.Mine = p.Followed && slices.Equal(p.Cookie, digest(cookie))
	if p.Followed && !p.Mine {
		return p, domain.NewError(domain.CodeForbidden,
			"A platform was chosen in another browser, and this link works only there. "+
				"Return to that browser, or ask the sender for a new link.")
	}
	p.ConnectNames, err = c.Directory.ActiveNames(ctx, p.ParentAccount, p.AccountID, c.Now())
	return p, err
}

// Follow binds a link to the browser, unless it is already bound, and begins a sign-in to one of
// its platforms. Errors are those of [Links.Page] and [Connect.Begin], and unprocessable (the
// platform).
func (c Links) Follow(
	ctx context.Context, token, cookie string, platform domain.Platform, still AccessCheck,
) (StartedSignIn, error) {
	l, err := c.Store.Link(ctx, digest(token))
	if err == nil {
		err = c.checkLink(ctx, l, still)
	}
	if err != nil {
		return StartedSignIn{}, err
	}
	now := c.Now()
	l, first, err := c.Store.FollowLink(ctx, digest(token), digest(cookie), now)
	if err != nil {
		return StartedSignIn{}, err
	}
	by := domain.ConnectRequester{ParentAccount: l.ParentAccount, AccountID: l.AccountID, LinkID: l.ID}
	if first {
		if err := c.recordChange(ctx, l, domain.ConnectLinkFollowed, by, now); err != nil {
			return StartedSignIn{}, err
		}
	}
	if !slices.Contains(l.Platforms, platform) {
		return StartedSignIn{}, errLinkPlatform
	}
	return c.Begin(ctx, Request{ConnectRequester: by, Platform: platform}, still)
}
