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
func (l Links) Make(ctx context.Context, r LinkRequest, still AccessCheck) (MadeLink, error) {
	names, err := l.rights(ctx, r.ConnectRequester, still)
	if err != nil {
		return MadeLink{}, err
	}
	if !names.Subscribed {
		return MadeLink{}, errNoSubscription
	}
	for _, p := range r.Platforms {
		if err := l.checkSignIn(p); err != nil {
			return MadeLink{}, err
		}
	}
	now, token := l.Now().UTC().Truncate(time.Microsecond), NewSecret()
	link := domain.ConnectLink{
		ID: uuid.NewString(), ParentAccount: r.ParentAccount, AccountID: r.AccountID, Platforms: r.Platforms,
		MadeBy: r.UserID, MadeRole: r.Role, MadeAt: now, ExpiresAt: now.AddDate(0, 0, r.Days), Works: true,
	}
	if err := l.Store.MakeLink(ctx, link, digest(token)); err != nil {
		return MadeLink{}, err
	}
	if err := l.recordChange(ctx, link, domain.ConnectLinkMade, r.ConnectRequester, now); err != nil {
		_, undo := l.Store.RevokeLink(context.WithoutCancel(ctx), link.ParentAccount, link.ID, now)
		return MadeLink{}, errors.Join(err, undo)
	}
	return MadeLink{link, l.PublicURL + "/connect/link/" + token}, nil
}

func (l Links) recordChange(
	ctx context.Context, link domain.ConnectLink, change string, by domain.ConnectRequester, now time.Time,
) error {
	event := domain.ConnectLinkChanged{
		Link: link.ID, Change: change, AccountID: link.AccountID, Platforms: link.Platforms, ExpiresAt: link.ExpiresAt,
	}
	return l.Log.Append(ctx, signed(commands.NewDraft(domain.TopicOperations, link.ParentAccount, event, now), by))
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
func (l Links) List(ctx context.Context, r domain.ConnectRequester, still AccessCheck) ([]domain.ConnectLink, error) {
	if err := l.mayAsk(ctx, r, still); err != nil {
		return nil, err
	}
	account := ""
	if r.Role == roleClient {
		account = r.AccountID
	}
	links, err := l.Store.Links(ctx, r.ParentAccount, account)
	if err != nil {
		return nil, err
	}
	now, rights := l.Now(), map[domain.ConnectRequester]bool{} // by creator and account
	for i, link := range links {
		if !link.Open(now) {
			continue
		}
		creator := creatorOf(link)
		works, known := rights[creator]
		if !known {
			_, err := l.rights(ctx, creator, still)
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
func (l Links) Revoke(
	ctx context.Context, r domain.ConnectRequester, id string, still AccessCheck,
) (domain.ConnectLink, error) {
	link, err := l.Store.LinkByID(ctx, r.ParentAccount, id)
	if err == nil && r.Role == roleClient && link.AccountID != r.AccountID {
		err = ErrLinkOver
	}
	if err == nil {
		err = l.mayAsk(ctx, r, still)
	}
	if err != nil || link.RevokedAt != nil {
		return link, err
	}
	now := l.Now().UTC().Truncate(time.Microsecond)
	if link, err = l.Store.RevokeLink(ctx, r.ParentAccount, id, now); err != nil {
		return link, err
	}
	return link, l.recordChange(ctx, link, domain.ConnectLinkRevoked, r, now)
}

// LinkPage is the data that the page of a link shows.
type LinkPage struct {
	domain.ConnectLink
	domain.ConnectNames
	Mine bool // whether this browser owns the link
}

// Page returns a link for its page. It does not bind the link to the browser, because mail scanners
// open links. Errors: not_found, forbidden (bound to another browser).
func (l Links) Page(ctx context.Context, token, cookie string, still AccessCheck) (p LinkPage, err error) {
	if p.ConnectLink, err = l.Store.Link(ctx, digest(token)); err != nil {
		return p, err
	}
	if err := l.checkLink(ctx, p.ConnectLink, still); err != nil {
		return p, err
	}
	p.Mine = p.Followed && slices.Equal(p.Cookie, digest(cookie))
	if p.Followed && !p.Mine {
		return p, domain.NewError(domain.CodeForbidden,
			"A platform was chosen in another browser, and this link works only there. "+
				"Return to that browser, or ask the sender for a new link.")
	}
	p.ConnectNames, err = l.Directory.ActiveNames(ctx, p.ParentAccount, p.AccountID, l.Now())
	return p, err
}

// Follow binds a link to the browser, unless it is already bound, and begins a sign-in to one of
// its platforms. Errors are those of [Links.Page] and [Connect.Begin], and unprocessable (the
// platform).
func (l Links) Follow(
	ctx context.Context, token, cookie string, platform domain.Platform, still AccessCheck,
) (StartedSignIn, error) {
	link, err := l.Store.Link(ctx, digest(token))
	if err == nil {
		err = l.checkLink(ctx, link, still)
	}
	if err != nil {
		return StartedSignIn{}, err
	}
	now := l.Now()
	link, first, err := l.Store.FollowLink(ctx, digest(token), digest(cookie), now)
	if err != nil {
		return StartedSignIn{}, err
	}
	by := domain.ConnectRequester{ParentAccount: link.ParentAccount, AccountID: link.AccountID, LinkID: link.ID}
	if first {
		if err := l.recordChange(ctx, link, domain.ConnectLinkFollowed, by, now); err != nil {
			return StartedSignIn{}, err
		}
	}
	if !slices.Contains(link.Platforms, platform) {
		return StartedSignIn{}, errLinkPlatform
	}
	return l.Begin(ctx, Request{ConnectRequester: by, Platform: platform}, still)
}
