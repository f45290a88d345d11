package api

import (
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// pageProgress is the status of a page that was connected, with its text for the person who did.
type pageProgress struct {
	domain.ConnectedNow
	domain.ConnectionStatus
}

// readable reports whether the page can be read without a sign-in.
func (p pageProgress) readable() bool {
	return p.Status != domain.PageDisconnected && p.Remedy() != domain.RemedySignIn
}

// progressOf also reports whether a reading is expected soon.
func progressOf(view connect.View) (progress []pageProgress, pending bool) {
	for _, page := range view.Outcome.Connected {
		p := pageProgress{page, domain.ConnectionStatus{
			Status: domain.PageWaiting, Reasons: []domain.StatusReason{{Code: domain.StatusNotReadYet}},
		}}
		for _, reading := range view.Readings {
			if reading.SocialAccountID == page.SocialAccountID {
				p.ConnectionStatus = reading.ConnectionStatus
			}
		}
		at := page.PID
		if !p.readable() { // perhaps at another platform than the page
			at = view.Platform
		}
		switch p.Status { //nolint:exhaustive // the others have reasons
		case domain.PageOK:
			p.Text = "read; its figures are available"
		case domain.PageDisconnected:
			p.Text = domain.OptionalText("no longer connected for " + view.Account)
		default:
			p.Text = readmodels.TextOf(p.Reasons[:min(1, len(p.Reasons))], domain.SignInText, at)
		}
		pending = pending || p.Remedy() == domain.RemedyTime && p.Status != domain.PageThrottled
		progress = append(progress, p)
	}
	return progress, pending
}
