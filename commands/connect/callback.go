package connect

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Callback holds the parameters of a platform's callback. Other parameters are ignored.
type Callback struct {
	Platform    domain.Platform
	State, Code string
	Error       PlatformRefusal
	Cookie      string
}

// PlatformRefusal is what a platform's dialog reports instead of a code; the zero value if nothing.
// Description is the platform's text.
type PlatformRefusal struct{ Code, Reason, Description string }

// CallBack takes the attempt, redeems the code and stores the tokens until the person chooses
// pages. The returned id is that of the attempt, whose page shows the choice or the outcome. Errors
// are those of the store; after an error, there is no page.
func (c *Connect) CallBack(ctx context.Context, b Callback, still AccessCheck) (id string, err error) {
	a, err := c.Store.TakeAttempt(ctx, digest(b.State), digest(b.Cookie), b.Platform, c.Now())
	if a.ID != "" && domain.CodeOf(err) == domain.CodeConflict { // the callback was loaded again
		var why string
		switch at := a.Platform.Title(); {
		case b.Code == "":
			return a.ID, nil
		case a.Outcome != nil && a.Outcome.Declined:
			why = "This sign-in has ended because you did not give your consent on " + at +
				". Nothing was connected. Start again and give your consent there."
		case a.Step == domain.ConnectChoosing:
			if w, err := c.waiting(ctx, a); err != nil || bytes.Equal(w.Code, digest(b.Code)) {
				return a.ID, nil // the page of the choice shows the error
			}
			why = "You gave your consent on " + at + " a second time, but a sign-in can use only one consent. " +
				"Nothing was connected. Start again, and give your consent once."
		default:
			return a.ID, nil
		}
		return a.ID, c.Store.FinishAttempt(ctx, a.ID, nothing(why), c.Now())
	}
	if err != nil {
		return "", err
	}
	// Finish even if the browser disconnects, because a code works once.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redeemWithin)
	defer cancel()
	fellAway, err := c.redeem(ctx, a, b, still)
	if err == nil {
		return a.ID, nil
	}
	refused := "Something went wrong on our side. Nothing was connected. Start again."
	if domain.CodeOf(err) == domain.CodeInternal {
		c.Logger.ErrorContext(ctx, "sign-in failed", "attempt", a.ID, "platform", a.Platform.String(), "error", err)
		refused += " If the error persists, report the id " + a.ID + "."
	} else if known, ok := errors.AsType[*domain.Error](err); ok {
		refused = known.Message
	}
	outcome := nothing(refused)
	outcome.Declined, outcome.FellAway = b.declined(), append(outcome.FellAway, fellAway...)
	return a.ID, c.Store.FinishAttempt(ctx, a.ID, outcome, c.Now())
}

// CheckCallback returns the error that [Connect.CallBack] would return for this browser, or nil. It
// takes and redeems nothing.
func (c *Connect) CheckCallback(ctx context.Context, b Callback) error {
	return c.Store.CheckAttempt(ctx, digest(b.State), digest(b.Cookie), c.Now())
}

func nothing(why string) domain.ConnectOutcome {
	return domain.ConnectOutcome{
		Refused: domain.OptionalText(why), Connected: []domain.ConnectedNow{}, FellAway: []string{},
	}
}

// redeem redeems the code and stores the tokens. Its error can be shown to a person, or is
// internal. fellAway lists the agency's pages that are no longer read, although nothing was
// connected.
func (c *Connect) redeem(
	ctx context.Context, a domain.ConnectAttempt, b Callback, still AccessCheck,
) (fellAway []string, err error) {
	if b.Error != (PlatformRefusal{}) || b.Code == "" {
		if !b.declined() {
			c.Logger.WarnContext(ctx, "the platform's dialog ended with an error", "attempt", a.ID,
				"platform", a.Platform.String(), "code", shown(b.Error.Code), "reason", shown(b.Error.Reason),
				"description", shown(b.Error.Description))
		}
		return nil, b.refusal()
	}
	if _, err := c.rights(ctx, a.ConnectRequester, still); err != nil {
		return nil, err
	}
	signIn, err := c.SignIn(a.Platform)
	if err != nil {
		return nil, err
	}
	consent, err := signIn.Redeem(ctx, b.Code, a.RedirectURI)
	if err != nil {
		return nil, c.platformError(ctx, a, err)
	}
	w := waitingOf(consent, a.Platform)
	w.Code, w.ConsentedAt = digest(b.Code), c.Now()
	if consent.Incomplete != nil { // it is not known which pages the consent leaves out
		if p, err := c.plan(ctx, a, w); err != nil || len(p.lost) > 0 {
			c.Logger.WarnContext(ctx, "the platform listed some pages only", "attempt", a.ID, "error", consent.Incomplete)
			return nil, cmp.Or(err, errListedSome(a.Platform))
		}
	}
	if refused := c.checkWaiting(ctx, a, w); refused != nil {
		fellAway, err = c.afterRefusal(ctx, a, w)
		return fellAway, cmp.Or(err, refused)
	}
	raw, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode waiting tokens: %w", err)
	}
	until := w.ConsentedAt.Add(chooseWithin)
	times := domain.SecretTimes{Taken: w.ConsentedAt, Expires: until}
	if err := c.Secrets.Put(ctx, waitingRef(a.ID), raw, times); err != nil {
		return nil, err
	}
	return nil, c.Store.Choosing(ctx, a.ID, c.grantOf(a.Platform, w.Person), until)
}

// afterRefusal handles a consent with which nothing can be connected. If the consent revoked the
// tokens of pages, it records that these pages wait for a sign-in.
func (c *Connect) afterRefusal(ctx context.Context, a domain.ConnectAttempt, w waiting) (fellAway []string, err error) {
	if !a.Platform.Facts().ConsentEnds {
		return nil, nil
	}
	p, err := c.plan(ctx, a, w)
	if err == nil {
		err = c.Store.EndChoices(ctx, p.grant, w.ConsentedAt)
	}
	if err == nil {
		err = c.recordLost(ctx, a, p, time.Time{})
	}
	return p.FallsAway, err
}

// waitingRef returns the reference of the tokens that wait for a choice. The store derives it too,
// to delete the tokens of an attempt even if it does not know that they wait.
func waitingRef(attempt string) string { return "connect/" + attempt }

func shown(text string) string { return domain.Storable(text, maxShown) }

const maxShown = 300 // bytes of a platform's text in the log

// declined reports whether the person canceled. Meta also sends access_denied, with another reason,
// if it refuses the app.
func (c Callback) declined() bool {
	switch c.Error.Code {
	case "access_denied":
		return c.Error.Reason == "" || c.Error.Reason == "user_denied"
	default:
		return c.Error.Code == "user_cancelled_login" || c.Error.Code == "user_cancelled_authorize"
	}
}

func (c Callback) refusal() error {
	at := c.Platform.Title()
	if c.declined() {
		return domain.NewError(domain.CodeForbidden,
			"You did not give your consent on %s. Nothing was connected. Start again if you want to connect.", at)
	}
	switch c.Error.Code {
	case "server_error", "temporarily_unavailable":
		return domain.NewError(domain.CodeUnprocessable,
			"%s has a temporary problem. Nothing was connected. Start again in a few minutes.", at)
	case "":
		return domain.NewError(domain.CodeUnprocessable,
			"%s did not complete the sign-in. Nothing was connected. Start again. "+
				"If the error persists, ask the operator of this service to check its app on %s.", at, at)
	default:
		return domain.NewError(domain.CodeUnprocessable,
			"%s refused the sign-in with the code %q. Nothing was connected. Starting again does not help: tell the "+
				"operator of this service, who finds the reason in its log and can correct its app on %s.",
			at, shown(c.Error.Code), at)
	}
}

// platformError returns the error to show if a code cannot be redeemed. It logs the platform's
// error, which contains no code or token.
func (c *Connect) platformError(ctx context.Context, a domain.ConnectAttempt, err error) error {
	c.Logger.WarnContext(ctx, "redeem code at platform", "attempt", a.ID, "platform", a.Platform.String(),
		"reason", string(platforms.StatusCodeOf(err)), "error", err)
	at := a.Platform.Title()
	if platforms.KindOf(err) == domain.StatusRefused {
		return domain.NewError(domain.CodeUnprocessable,
			"%s no longer accepts this sign-in. Nothing was connected. Start again.", at)
	}
	if wait := platforms.RetryAfter(err); platforms.KindOf(err) == domain.StatusThrottled && wait > 0 {
		until := c.Now().Add(wait + time.Minute - 1).UTC().Truncate(time.Minute).Format("2 January 2006, 15:04")
		return domain.NewError(domain.CodeUnprocessable,
			"%s accepts no more requests from this service until %s UTC. Nothing was connected. Start again after "+
				"that. If this happens often, tell the operator of this service that its quota on %s is too small.",
			at, until, at)
	}
	switch kind, problem := platforms.KindOf(err), platforms.StatusCodeOf(err); {
	case problem == domain.StatusTwoFactor:
		return domain.NewError(domain.CodeUnprocessable,
			"%s requires two-factor authentication. Nothing was connected. Turn it on for your account there, and "+
				"start again.", at)
	case kind == domain.StatusPermission && problem != domain.StatusOtherApp:
		return domain.NewError(domain.CodeUnprocessable,
			"%s did not grant this service a permission that it needs to read your pages. Nothing was connected. Start again, "+
				"and agree to everything. If that does not help, tell the operator of this service, whose log names what is missing.", at)
	case kind == domain.StatusInvalid, kind == domain.StatusBlocked, problem == domain.StatusOtherApp:
		return domain.NewError(domain.CodeUnprocessable,
			"%s does not accept this service. Nothing was connected. Starting again does not help: tell the operator "+
				"of this service.", at)
	}
	return domain.NewError(domain.CodeUnprocessable,
		"Your consent could not be read from %s. Nothing was connected. Start again in a few minutes. "+
			"If the error persists, contact the operator of this service.", at)
}

func errListedSome(p domain.Platform) error {
	return domain.NewError(domain.CodeUnprocessable,
		"%s did not list all of your pages, and pages that are connected with your earlier consent are missing in the "+
			"list. Nothing was changed. Start again in a few minutes. If the error persists, contact the operator of this service.",
		p.Title())
}

// checkWaiting refuses a consent that cannot be used: it does not include the page to reconnect, or
// includes no page at all.
func (c *Connect) checkWaiting(ctx context.Context, a domain.ConnectAttempt, w waiting) error {
	at := a.Platform.Title() // the outcome is kept for a day, so it does not name the person
	if a.SocialAccount != 0 {
		page, err := c.Directory.Page(ctx, a.ParentAccount, a.SocialAccount)
		if err != nil {
			return err
		}
		for _, o := range w.Offered {
			if o.ref() == page.Ref() && o.MayRead {
				return nil
			}
		}
		if len(w.Declined) > 0 {
			return domain.NewError(domain.CodeUnprocessable,
				"With this sign-in to %s, %q cannot be read, and you did not grant all permissions. "+
					"Nothing was connected. Start again, and leave everything selected on %s. If that does not help, "+
					"sign in as a person who manages %q.", at, page.Name, at, page.Name)
		}
		return domain.NewError(domain.CodeUnprocessable,
			"This sign-in to %s does not include %q. Nothing was connected. Sign out of %s, start again, and sign in "+
				"as a person who manages %q.%s",
			at, page.Name, at, page.Name, selectPages(a.Platform, "it"))
	}
	switch {
	case len(w.Offered) > 0:
		return nil
	case len(w.NotOffered) > 0:
		var reasons strings.Builder
		for _, n := range w.NotOffered {
			fmt.Fprintf(&reasons, " %s: %s", n.Name, n.Reason)
		}
		return domain.NewError(domain.CodeUnprocessable,
			"This sign-in to %s includes no page or profile that can be connected. Nothing was connected.%s", at, reasons.String())
	case len(w.Declined) > 0:
		return domain.NewError(domain.CodeUnprocessable,
			"This sign-in to %s includes no page or profile, and you did not grant all permissions. "+
				"Nothing was connected. Start again, and leave everything selected on %s.", at, at)
	default:
		return domain.NewError(domain.CodeUnprocessable,
			"This sign-in to %s includes no page or profile. Nothing was connected. Start again and sign in as a "+
				"person who manages a page.%s", at, selectPages(a.Platform, "the page"))
	}
}

// selectPages adds advice for Facebook's sign-in, which lets a person choose pages.
func selectPages(p domain.Platform, page string) string {
	if p != domain.Facebook {
		return ""
	}
	return " Select " + page + " when the platform asks you to choose pages."
}
