package connect

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// CameBack is what a platform's call-back brought; all else of its address is left unread.
type CameBack struct {
	Platform    domain.Platform
	State, Code string
	Error       string // the platform's word for a refusal; "": none
	Cookie      string
}

// CallBack takes the attempt, redeems the code and lets the tokens wait for the choice. The id that it returns names the page that goes on,
// whatever came of it. Errors: those of the store, with which there is no page.
func (c *Connect) CallBack(ctx context.Context, b CameBack, still Still) (id string, err error) {
	a, err := c.Store.TakeAttempt(ctx, digest(b.State), digest(b.Cookie), b.Platform, c.Now())
	if a.ID != "" && domain.CodeOf(err) == domain.CodeConflict { // loaded again: what came of it is on its page
		if a.Outcome == nil || b.Code == "" || !a.Outcome.Declined {
			return a.ID, nil
		}
		return a.ID, c.Store.FinishAttempt(ctx, a.ID, nothing("This sign-in is over: the first time, you did not agree at "+a.Platform.Title()+
			". Nothing was connected. Start again, and agree there."), c.Now())
	}
	if err != nil {
		return "", err
	}
	// A code works once, so that what was begun comes to its end when the browser goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redeemWithin)
	defer cancel()
	var refused string
	fellAway, err := c.redeem(ctx, a, b, still)
	switch {
	case err == nil:
		return a.ID, nil
	case domain.CodeOf(err) != domain.CodeInternal:
		refused = messageOf(err)
	default:
		c.Logger.ErrorContext(ctx, "a sign-in came to no end", "attempt", a.ID, "platform", a.Platform.String(), "error", err)
		refused = "Something went wrong on our side. Nothing was connected. Start again; if it stays, report the id " + a.ID + "."
	}
	outcome := nothing(refused)
	outcome.Declined, outcome.FellAway = b.declined(), append(outcome.FellAway, fellAway...)
	return a.ID, c.Store.FinishAttempt(ctx, a.ID, outcome, c.Now())
}

// WhyNotBack says why a call-back would find no page in this browser, with an error of the store as [Connect.CallBack] has it; nil where
// it would. It takes and redeems nothing.
func (c *Connect) WhyNotBack(ctx context.Context, b CameBack) error {
	return c.Store.WhyNotTaken(ctx, digest(b.State), digest(b.Cookie), c.Now())
}

// nothing is the outcome of an attempt that connected nothing.
func nothing(why string) domain.ConnectOutcome {
	return domain.ConnectOutcome{Refused: domain.OptionalText(why), Connected: []domain.ConnectedNow{}, FellAway: []string{}}
}

// messageOf is what a person reads of an error.
func messageOf(err error) string {
	if known, ok := errors.AsType[*domain.Error](err); ok {
		return known.Message
	}
	return "Something went wrong on our side. Nothing was connected. Start again."
}

// redeem ends with an error that a person may read, or with an internal one. FellAway are the pages of the agency that are not read any more
// although nothing was connected.
func (c *Connect) redeem(ctx context.Context, a domain.ConnectAttempt, b CameBack, still Still) (fellAway []string, err error) {
	if b.Error != "" || b.Code == "" {
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
		return nil, c.platformRefuses(ctx, a, err)
	}
	w := waitingOf(consent, a.Platform)
	if refused := c.checkWaiting(ctx, a, w); refused != nil {
		fellAway, err = c.afterRefusal(ctx, a, w)
		return fellAway, cmp.Or(err, refused)
	}
	raw, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode what waits for a choice: %w", err)
	}
	now := c.Now()
	if err := c.Secrets.Put(ctx, waitingRef(a.ID), raw, domain.SecretTimes{Taken: now, Expires: now.Add(chooseWithin)}); err != nil {
		return nil, err
	}
	return nil, c.Store.Choosing(ctx, a.ID, c.grantOf(a.Platform, w.Person), now.Add(chooseWithin))
}

// afterRefusal has the pages wait for another sign-in whose tokens a consent has ended although nothing can be connected by it.
func (c *Connect) afterRefusal(ctx context.Context, a domain.ConnectAttempt, w waiting) (fellAway []string, err error) {
	if !a.Platform.Facts().ConsentEnds {
		return nil, nil
	}
	p, err := c.plan(ctx, a, w)
	if err == nil {
		err = c.leaveOut(ctx, a, p)
	}
	return p.FallsAway, err
}

// waitingRef names the tokens that wait; the store deletes them by it, also when it was never told that they wait.
func waitingRef(attempt string) string { return "connect/" + attempt }

// declined tells whether the person did not agree, by the words of the four platforms.
func (b CameBack) declined() bool {
	return slices.Contains([]string{"access_denied", "user_cancelled_login", "user_cancelled_authorize"}, b.Error)
}

// refusal says what the person did at the platform.
func (b CameBack) refusal() error {
	at := b.Platform.Title()
	if b.declined() {
		return domain.NewError(domain.CodeForbidden, "You did not agree at %s. Nothing was connected. Start again if you want to.", at)
	}
	return domain.NewError(domain.CodeUnprocessable, "%s did not let you through. Nothing was connected. Start again; if it stays, "+
		"tell whoever runs this service to look at its app at %s.", at, at)
}

// platformRefuses says what to do when a code is not redeemed. What the platform said goes to the log, without codes and tokens.
func (c *Connect) platformRefuses(ctx context.Context, a domain.ConnectAttempt, err error) error {
	c.Logger.WarnContext(ctx, "a platform did not redeem a code", "attempt", a.ID, "platform", a.Platform.String(),
		"class", string(platforms.ClassOf(err)), "error", err)
	if platforms.ClassOf(err) == platforms.ClassReconnect {
		return domain.NewError(domain.CodeUnprocessable, "%s did not accept the sign-in any more. Nothing was connected. Start again.", a.Platform.Title())
	}
	if wait := platforms.RetryAfter(err); platforms.ClassOf(err) == platforms.ClassThrottled && wait > 0 {
		return domain.NewError(domain.CodeUnprocessable, "%s takes no more requests from this service until %s UTC. Nothing was connected. Start again after "+
			"that; if it is often so, tell whoever runs this service that its quota at %s is too small.", a.Platform.Title(),
			c.Now().Add(wait+time.Minute-1).UTC().Truncate(time.Minute).Format("2 January 2006, 15:04"), a.Platform.Title())
	}
	return domain.NewError(domain.CodeUnprocessable, "%s could not be asked what you agreed to. Nothing was connected. Start again in a few minutes; "+
		"if it stays, tell whoever runs this service.", a.Platform.Title())
}

// checkWaiting refuses a consent that nothing can be done with: another account than the one to be connected again, or nothing to choose.
func (c *Connect) checkWaiting(ctx context.Context, a domain.ConnectAttempt, w waiting) error {
	who := w.Name
	if who == "" {
		who = "somebody"
	}
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
		return domain.NewError(domain.CodeUnprocessable, "You signed in at %s as %s, and that does not bring %q. Nothing was connected. Sign out at %s, "+
			"start again, and sign in as a person who manages %q; where you choose pages, choose it.", a.Platform.Title(), who, page.Name, a.Platform.Title(), page.Name)
	}
	if len(w.Offered) == 0 {
		return domain.NewError(domain.CodeUnprocessable, "You signed in at %s as %s, and there is no page or profile to connect. Nothing was connected. Start "+
			"again, sign in as a person who manages one, and where you choose pages, choose it.", a.Platform.Title(), who)
	}
	return nil
}
