package connect

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// View is the content of a sign-in's page after the person has come back from the platform.
type View struct {
	domain.ConnectAttempt
	domain.ConnectNames
	Choice   *Choice               // set while the page waits for a choice
	Readings []domain.FirstReading // of the connected pages, as far as the tables show them
}

// Choice is the content of the page on which a person chooses pages.
type Choice struct {
	Who   string // who signed in, as named by the platform; may be empty
	Pages []Offer
	// NotOffered lists what the person has or granted on the platform and cannot choose, with reasons.
	NotOffered []platforms.NotOffered
	// FallsAway lists the pages of this agency that an earlier consent of this person connected and
	// that the new one does not cover, each with its platform and, for agency staff, its client.
	FallsAway []string
	Declined  []string // scopes that the person declined
	// Earlier lists the pages of this agency that are read with an earlier consent of this person,
	// which the new one replaces and covers, and that need a declined scope. The format is that of
	// FallsAway.
	Earlier []string
	// StayEmpty lists the figures of the offered pages that need a declined scope, for people:
	// "of posts: comments, likes".
	StayEmpty []string
	// Seen identifies the version of the page: the pages that it names as lost, moved or connected.
	Seen string
}

// Offer is a page or profile that can be chosen.
type Offer struct {
	Key      string // value of the page in a choice
	Platform domain.Platform
	Kind     domain.AccountType
	Name     string
	Username string // without @; may be empty
	Missing  string // the right that the person lacks for the page to be read; "" if none
	Present  bool   // whether it is already connected for this account
	Renewed  bool   // whether it is read with an earlier sign-in of this person, which this one renews
	Waits    bool   // whether it is connected for this account, but waits for a sign-in
	// HeldBy is the client that owns the page now, for agency staff. For other people, it says what
	// to do. It is "" if no other client owns the page.
	HeldBy  string
	MayMove bool // whether the choice may move it to this account
	// FormerClient is the other client for which it was connected and then disconnected, for agency
	// staff; otherwise "".
	FormerClient string
	Ticked       bool // whether it is selected by default
}

// Selectable reports whether the page can be chosen.
func (o Offer) Selectable() bool { return o.Missing == "" && (o.HeldBy == "" || o.MayMove) }

// Selectable reports whether at least one page can be chosen.
func (c Choice) Selectable() bool { return slices.ContainsFunc(c.Pages, Offer.Selectable) }

// Errors of choices.
var (
	errElsewhere = domain.NewError(domain.CodeForbidden,
		"This sign-in belongs to another browser. Choose the pages there. "+
			"The person who requested the sign-in can see only the outcome here.")
	errChosen     = domain.NewError(domain.CodeConflict, "The choice was already made, or the sign-in has ended.")
	errChooseLate = domain.NewError(domain.CodeNotFound,
		"The time to choose has expired, a newer sign-in of the same person was completed, or our app was removed "+
			"on the platform. The tokens were deleted. Start again.")
)

// heldByOther is shown to people who must not learn the agency's other clients.
const heldByOther = "connected elsewhere at your agency; ask your agency to move it"

// View returns the progress of a sign-in for the browser that owns it. Errors: those of the store,
// forbidden for another browser, and those of the check of the requester's rights.
func (c *Connect) View(ctx context.Context, id, cookie string, still AccessCheck) (v View, err error) {
	if v.ConnectAttempt, err = c.ownAttempt(ctx, id, cookie); err != nil {
		return v, err
	}
	if v.ConnectNames, err = c.rights(ctx, v.ConnectRequester, still); err != nil {
		return v, err
	}
	switch {
	case v.Step == domain.ConnectDone:
		v.Readings, err = c.Directory.FirstReadings(ctx, v.ConnectAttempt)
		return v, err
	case v.Expired(c.Now()):
		return v, errChooseLate
	case v.Step != domain.ConnectChoosing:
		return v, nil
	}
	w, err := c.waiting(ctx, v.ConnectAttempt)
	if err != nil {
		return v, err
	}
	plan, err := c.plan(ctx, v.ConnectAttempt, w)
	v.Choice = &plan.Choice
	return v, err
}

func (c *Connect) ownAttempt(ctx context.Context, id, cookie string) (domain.ConnectAttempt, error) {
	a, err := c.Store.Attempt(ctx, id)
	if err == nil && !bytes.Equal(a.Cookie, digest(cookie)) {
		err = errElsewhere
	}
	return a, err
}

func (c *Connect) waiting(ctx context.Context, a domain.ConnectAttempt) (waiting, error) {
	raw, err := c.Secrets.Get(ctx, waitingRef(a.ID))
	if domain.CodeOf(err) == domain.CodeNotFound {
		err = errChooseLate
	}
	if err != nil {
		return waiting{}, err
	}
	var w waiting
	if json.Unmarshal(raw, &w) != nil { // the error would quote the secret
		return w, errors.New("the stored consent is not in the expected format")
	}
	return w, nil
}

// Status is the progress of a sign-in, as the requester can see it in any session.
type Status struct {
	ID string `json:"id"` // id of the sign-in, as returned when it was requested
	// "begun", "opened", "taken" (the code is being redeemed), "choosing", "done" or "expired"
	Step domain.ConnectStep `json:"step"`
	// Outcome is set when the sign-in is done; until then it is null.
	Outcome *domain.ConnectOutcome `json:"outcome"`
	// FirstReadings shows the progress of the first reading of each connected page.
	FirstReadings []domain.FirstReading `json:"first_readings"`
}

// Status returns the progress of a sign-in. Errors: not_found, even if the sign-in exists but
// another requester made it.
func (c *Connect) Status(ctx context.Context, r domain.ConnectRequester, id string) (Status, error) {
	a, err := c.Store.Attempt(ctx, id)
	if err == nil && (a.ParentAccount != r.ParentAccount || r.Role == roleClient && a.UserID != r.UserID) {
		err = domain.NewError(domain.CodeNotFound,
			"This sign-in does not exist or ended long ago. Nothing was connected. Start again.")
	}
	if err != nil {
		return Status{}, err
	}
	s := Status{ID: a.ID, Step: a.Step, Outcome: a.Outcome, FirstReadings: []domain.FirstReading{}}
	if a.Expired(c.Now()) {
		s.Step = "expired"
	}
	if a.Step == domain.ConnectDone {
		readings, err := c.Directory.FirstReadings(ctx, a)
		s.FirstReadings = append(s.FirstReadings, readings...)
		return s, err
	}
	return s, nil
}

// plan is a choice with the data that it is based on.
type plan struct {
	Choice

	grant       domain.GrantKey
	connections []int64                                 // of the grant, in all agencies
	read        []domain.ConnectedPage                  // pages that are read with these connections
	known       map[domain.PageRef]domain.ConnectedPage // the offered pages that are in this agency's directory
	again       domain.PageRef                          // the page to reconnect
	lost        []domain.ConnectedPage                  // pages of all agencies that are no longer covered
	kept        []domain.ConnectedPage                  // covered ones that are read with the grant and need a declined scope
}

func (c *Connect) grantOf(p domain.Platform, person string) domain.GrantKey {
	return domain.GrantKey{Platform: p, App: c.Apps[p], Person: person}
}

func (c *Connect) plan(ctx context.Context, a domain.ConnectAttempt, w waiting) (p plan, err error) {
	p.grant = c.grantOf(a.Platform, w.Person)
	p.Who, p.Declined, p.StayEmpty, p.NotOffered = w.Name, w.Declined, stayEmpty(w), w.NotOffered
	if err := c.findKnown(ctx, &p, a, w.Offered); err != nil {
		return p, err
	}
	if p.connections, err = c.Store.ConnectionsOf(ctx, p.grant); err != nil {
		return p, err
	}
	if err := c.findLost(ctx, &p, w); err != nil {
		return p, err
	}
	byAgency := a.UserID != "" && a.Role != roleClient
	var named []string
	for _, o := range w.Offered {
		offer := offerOf(o, p.known, a, byAgency)
		offer.Renewed = offer.Present && slices.Contains(p.connections, p.known[o.ref()].ConnectionID)
		if a.SocialAccount == 0 {
			offer.Ticked = offer.Present || len(w.Offered) == 1
		} else { // a page that another person's sign-in reads stays with that sign-in
			offer.Ticked = o.ref() == p.again || offer.Renewed || offer.Waits
		}
		p.Pages = append(p.Pages, offer)
		named = append(named, fmt.Sprintf("offered %s %s %t", offer.Key, offer.HeldBy, offer.Present))
	}
	p.FallsAway, p.Earlier = namesOf(p.lost, a, byAgency), namesOf(p.kept, a, byAgency)
	for _, name := range p.FallsAway {
		named = append(named, "lost "+name)
	}
	slices.Sort(named)
	p.Seen = hex.EncodeToString(digest(strings.Join(named, "\n")))
	return p, nil
}

// namesOf names the pages of the attempt's agency, for agency staff with their clients.
func namesOf(pages []domain.ConnectedPage, a domain.ConnectAttempt, byAgency bool) (names []string) {
	for _, page := range pages {
		about := page.Platform.Title()
		if byAgency {
			about += ", " + page.AccountName
		}
		if page.ParentAccount == a.ParentAccount {
			names = append(names, fmt.Sprintf("%s (%s)", page.Name, about))
		}
	}
	return names
}

// stayEmpty lists the figures of the offered pages that need a declined scope, with their platform if
// there are pages of several.
func stayEmpty(w waiting) (says []string) {
	declined := func(scope string) bool { return slices.Contains(w.Declined, scope) }
	lacking := map[domain.Platform][]domain.UngrantedFigure{}
	for _, o := range w.Offered {
		needs := o.Platform.FiguresOf(o.AccountType, w.Tokens.OwnLogin)
		lacking[o.Platform] = append(lacking[o.Platform], domain.Ungranted(needs, declined)...)
	}
	for _, p := range domain.Platforms() {
		for _, group := range StayEmpty(lacking[p]) {
			if len(lacking) > 1 {
				group = p.Title() + ", " + group
			}
			says = append(says, group)
		}
	}
	return says
}

// StayEmpty lists figures for people, separately for accounts and posts, because the same figure
// may be missing for only one of them.
func StayEmpty(ungranted []domain.UngrantedFigure) (says []string) {
	figures := map[domain.Figures][]string{}
	for _, u := range ungranted {
		figure := u.Figure
		if figure == domain.MetricAvgWatch {
			figure = "average watch time"
		}
		figures[u.Of] = append(figures[u.Of], strings.ReplaceAll(figure, "_", " "))
	}
	for _, group := range []struct {
		figures domain.Figures
		label   string
	}{{domain.FiguresOfAccount, "of pages and profiles"}, {domain.FiguresOfPosts, "of posts"}} {
		if names := figures[group.figures]; len(names) > 0 {
			slices.Sort(names)
			says = append(says, group.label+": "+strings.Join(slices.Compact(names), ", "))
		}
	}
	return says
}

// findKnown finds the directory's rows of the offered pages. If a page has several rows, it prefers
// a connected row (these come first) and then the row to reconnect.
func (c *Connect) findKnown(ctx context.Context, p *plan, a domain.ConnectAttempt, all []offered) error {
	refs := make([]domain.PageRef, len(all))
	for i, o := range all {
		refs[i] = o.ref()
	}
	pages, err := c.Directory.PagesNamed(ctx, a.ParentAccount, refs)
	p.known = map[domain.PageRef]domain.ConnectedPage{}
	for _, page := range pages {
		ref, requested := page.Ref(), page.ID == a.SocialAccount
		if requested {
			p.again = ref
		}
		if before, twice := p.known[ref]; !twice || requested && !before.Connected {
			p.known[ref] = page
		}
	}
	return err
}

func (c *Connect) findLost(ctx context.Context, p *plan, w waiting) error {
	covered := map[domain.PageRef]bool{}
	for _, o := range w.Offered {
		if o.MayRead {
			covered[o.ref()] = true
		}
	}
	declined := func(scope string) bool { return slices.Contains(w.Declined, scope) }
	var err error
	p.read, err = c.Directory.PagesOf(ctx, p.connections)
	for _, page := range p.read {
		needs := page.Platform.FiguresOf(page.AccountType, w.Tokens.OwnLogin)
		switch {
		case !covered[page.Ref()]:
			p.lost = append(p.lost, page)
		case len(domain.Ungranted(needs, declined)) > 0:
			p.kept = append(p.kept, page)
		}
	}
	return err
}

func offerOf(o offered, known map[domain.PageRef]domain.ConnectedPage, a domain.ConnectAttempt, byAgency bool) Offer {
	offer := Offer{
		Key: keyOf(o.ref()), Platform: o.Platform, Kind: o.AccountType, Name: o.Name, Username: o.Username,
	}
	if !o.MayRead {
		offer.Missing = cmp.Or(o.Missing, "the right to read its figures")
	}
	switch page, ok := known[o.ref()]; {
	case !ok:
	case !page.Connected && byAgency && page.AccountID != a.AccountID:
		offer.FormerClient = page.AccountName
	case !page.Connected:
	case page.AccountID == a.AccountID:
		offer.Present, offer.Waits = true, page.AwaitsSignIn
	case byAgency:
		offer.HeldBy, offer.MayMove = page.AccountName, true
	default:
		offer.HeldBy = heldByOther
	}
	return offer
}

// keyOf returns the value of a page in a form.
func keyOf(r domain.PageRef) string {
	return fmt.Sprintf("%d.%d.%s", r.Platform, r.AccountType, r.ExternalID)
}
