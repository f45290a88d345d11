package connect

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// View is a sign-in as its page shows it after the person came back.
type View struct {
	domain.ConnectAttempt
	domain.ConnectNames
	Choice   *Choice               // while a choice is awaited
	Readings []domain.FirstReading // of what was connected, as far as the tables show it
}

// Choice is what there is to choose.
type Choice struct {
	Who   string // who signed in, as the platform shows it; may be empty
	Pages []Offer
	// FallsAway are pages of this agency that were connected by this person's earlier consent and that the new one leaves out.
	FallsAway []string
	Declined  []string // scopes that the person refused
	StayEmpty []string // figures of the offered pages that need one of these, in words: "of posts: comments, likes"
	// Seen is what the page has named: a choice that was made before another page says so.
	Seen string
}

// Offer is a page or profile to choose.
type Offer struct {
	Key      string // what a choice names it by
	Platform domain.Platform
	Kind     domain.AccountType
	Name     string
	Username string // without @; may be empty
	Missing  string // what the person lacks to have it read; "": nothing
	Present  bool   // it is this account's already, and is renewed
	HeldBy   string // the client who has it now, for agency staff; for others what to do; "": nobody else
	MayMove  bool   // whether the choice may move it here
	Ticked   bool   // it is chosen unless the person unticks it
}

// Errors of choices.
var (
	errElsewhere = domain.NewError(domain.CodeForbidden,
		"This sign-in was made in another browser, and the choice is made there. Whoever asked for it sees here only what came of it.")
	errChosen     = domain.NewError(domain.CodeConflict, "There is nothing to choose here any more: the choice was made, or the sign-in came to its end.")
	errChooseLate = domain.NewError(domain.CodeNotFound, "The time to choose is over, and what the platform gave was deleted. Start again where you began.")
)

// heldByOther is what those read who may not know the agency's other clients.
const heldByOther = "connected elsewhere at your agency; ask your agency to move it"

// View returns how far a sign-in came, for the browser that holds it. Errors: those of the store, forbidden for another browser, and of rights
// that have ended.
func (c *Connect) View(ctx context.Context, id, cookie string, still Still) (v View, err error) {
	if v.ConnectAttempt, err = c.held(ctx, id, cookie); err != nil {
		return v, err
	}
	if v.ConnectNames, err = c.rights(ctx, v.ConnectRequester, still); err != nil {
		return v, err
	}
	switch {
	case v.Step == domain.ConnectDone:
		v.Readings, err = c.readings(ctx, v.ConnectAttempt)
		return v, err
	case v.Over(c.Now()):
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

// held returns an attempt to the browser that holds it.
func (c *Connect) held(ctx context.Context, id, cookie string) (domain.ConnectAttempt, error) {
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
	return parseWaiting(raw)
}

func (c *Connect) readings(ctx context.Context, a domain.ConnectAttempt) ([]domain.FirstReading, error) {
	return c.Directory.FirstReadings(ctx, a.ParentAccount, idsOf(*a.Outcome))
}

// Status is a sign-in as whoever asked for it sees it, in whatever session.
type Status struct {
	ID   string             `json:"id"`   // as it was answered when the sign-in was asked for
	Step domain.ConnectStep `json:"step"` // begun, opened, taken (the platform is being asked), choosing, done or expired
	// Outcome is what came of it; null: nothing yet.
	Outcome *domain.ConnectOutcome `json:"outcome"`
	// FirstReadings tell how far the first readings of what was connected came.
	FirstReadings []domain.FirstReading `json:"first_readings"`
}

// Status returns how far a sign-in came. Errors: not_found, also for somebody else's.
func (c *Connect) Status(ctx context.Context, r domain.ConnectRequester, id string) (Status, error) {
	a, err := c.Store.Attempt(ctx, id)
	if err == nil && (a.ParentAccount != r.ParentAccount || r.Role == roleClient && a.UserID != r.UserID) {
		err = domain.NewError(domain.CodeNotFound, "This sign-in is not known here, or is long over. Nothing was connected. Start again where you began.")
	}
	if err != nil {
		return Status{}, err
	}
	s := Status{ID: a.ID, Step: a.Step, Outcome: a.Outcome, FirstReadings: []domain.FirstReading{}}
	if a.Over(c.Now()) {
		s.Step = "expired"
	}
	if a.Step == domain.ConnectDone {
		s.FirstReadings, err = c.readings(ctx, a)
		s.FirstReadings = append([]domain.FirstReading{}, s.FirstReadings...)
	}
	return s, err
}

// plan is a choice with what it rests on.
type plan struct {
	Choice

	grant   domain.GrantKey
	hanging []domain.GrantedConnection              // on the grant, of all agencies
	known   map[domain.PageRef]domain.ConnectedPage // of what is offered, in this agency's directory
	again   domain.PageRef                          // the page that is to be connected again
	lost    []domain.ConnectedPage                  // of all agencies
}

// grantOf names what a person gave our app at a platform.
func (c *Connect) grantOf(p domain.Platform, person string) domain.GrantKey {
	return domain.GrantKey{Platform: p, App: c.Apps[p], Person: person}
}

// plan looks at what a consent brings and takes away.
func (c *Connect) plan(ctx context.Context, a domain.ConnectAttempt, w waiting) (p plan, err error) {
	p.grant = c.grantOf(a.Platform, w.Person)
	p.Who, p.Declined, p.StayEmpty = w.Name, w.Declined, stayEmpty(w)
	if err := c.findKnown(ctx, &p, a, w.Offered); err != nil {
		return p, err
	}
	if p.hanging, err = c.Store.HangingOn(ctx, p.grant); err != nil {
		return p, err
	}
	if err := c.findLost(ctx, &p, w); err != nil {
		return p, err
	}
	byAgency := a.UserID != "" && a.Role != roleClient
	var named []string
	for _, o := range w.Offered {
		offer := offerOf(o, p.known, a, byAgency)
		page := p.known[o.ref()]
		renewed := slices.ContainsFunc(p.hanging, func(h domain.GrantedConnection) bool { return h.ConnectionID == page.ConnectionID })
		if a.SocialAccount == 0 {
			offer.Ticked = offer.Present || len(w.Offered) == 1
		} else { // what somebody else's sign-in reads keeps that one
			offer.Ticked = o.ref() == p.again || offer.Present && renewed
		}
		p.Pages = append(p.Pages, offer)
		if offer.HeldBy != "" {
			named = append(named, "held "+offer.Key+" "+offer.HeldBy)
		}
	}
	for _, page := range p.lost {
		if page.ParentAccount != a.ParentAccount {
			continue
		}
		name := page.Name
		if byAgency {
			name = fmt.Sprintf("%s (%s)", page.Name, page.AccountName)
		}
		p.FallsAway = append(p.FallsAway, name)
		named = append(named, fmt.Sprintf("lost %d", page.ID))
	}
	slices.Sort(named)
	p.Seen = hex.EncodeToString(digest(strings.Join(named, "\n")))
	return p, nil
}

// stayEmpty are the figures that what was declined takes away, in words.
func stayEmpty(w waiting) []string {
	var figures []domain.UngrantedFigure
	for _, o := range w.Offered {
		for _, need := range o.Platform.FiguresOf(o.AccountType, w.Tokens.OwnLogin) {
			if !slices.ContainsFunc(need.Scopes, func(scope string) bool { return slices.Contains(w.Declined, scope) }) {
				continue
			}
			for _, figure := range need.Figures {
				figures = append(figures, domain.UngrantedFigure{Of: need.Of, Figure: figure.Name})
			}
		}
	}
	return StayEmpty(figures)
}

// StayEmpty names figures in words, those of accounts and those of posts: one may keep what the other loses.
func StayEmpty(ungranted []domain.UngrantedFigure) (says []string) {
	figures := map[domain.Figures][]string{}
	for _, u := range ungranted {
		figure := u.Figure
		if figure == domain.MetricAvgWatch {
			figure = "average watch time"
		}
		figures[u.Of] = append(figures[u.Of], strings.ReplaceAll(figure, "_", " "))
	}
	for _, of := range []struct {
		figures domain.Figures
		called  string
	}{{domain.FiguresOfAccount, "of pages and profiles"}, {domain.FiguresOfPosts, "of posts"}} {
		if names := figures[of.figures]; len(names) > 0 {
			slices.Sort(names)
			says = append(says, of.called+": "+strings.Join(slices.Compact(names), ", "))
		}
	}
	return says
}

// findKnown finds the rows of the directory for what is offered. Of several rows of one page it takes one that is connected, which come
// first, else the one that is to be connected again.
func (c *Connect) findKnown(ctx context.Context, p *plan, a domain.ConnectAttempt, all []offered) error {
	refs := make([]domain.PageRef, len(all))
	for i, o := range all {
		refs[i] = o.ref()
	}
	pages, err := c.Directory.PagesNamed(ctx, a.ParentAccount, refs)
	p.known = map[domain.PageRef]domain.ConnectedPage{}
	for _, page := range pages {
		ref, asked := page.Ref(), page.ID == a.SocialAccount
		if asked {
			p.again = ref
		}
		if before, twice := p.known[ref]; !twice || asked && !before.Connected {
			p.known[ref] = page
		}
	}
	return err
}

// findLost finds what hangs on the grant and is not covered any more.
func (c *Connect) findLost(ctx context.Context, p *plan, w waiting) error {
	covered := map[domain.PageRef]bool{}
	for _, o := range w.Offered {
		if o.MayRead {
			covered[o.ref()] = true
		}
	}
	pages, err := c.Directory.PagesOf(ctx, connectionsOf(p.hanging))
	for _, page := range pages {
		if !covered[page.Ref()] {
			p.lost = append(p.lost, page)
		}
	}
	return err
}

func offerOf(o offered, known map[domain.PageRef]domain.ConnectedPage, a domain.ConnectAttempt, byAgency bool) Offer {
	offer := Offer{
		Key: keyOf(o.ref()), Platform: o.Platform, Kind: o.AccountType, Name: o.Name, Username: o.Username, Missing: o.Missing,
	}
	if !o.MayRead && offer.Missing == "" {
		offer.Missing = "the right to read its figures"
	}
	if o.MayRead {
		offer.Missing = ""
	}
	switch page, ok := known[o.ref()]; {
	case !ok || !page.Connected:
	case page.AccountID == a.AccountID:
		offer.Present = true
	case byAgency:
		offer.HeldBy, offer.MayMove = page.AccountName, true
	default:
		offer.HeldBy = heldByOther
	}
	return offer
}

// keyOf names a page in a form.
func keyOf(r domain.PageRef) string {
	return fmt.Sprintf("%d.%d.%s", r.Platform, r.AccountType, r.ExternalID)
}
