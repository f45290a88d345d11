package api

import (
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

type readingProgress struct {
	domain.ConnectedNow
	Text   string
	Ended  bool // it is no longer connected for the account
	SignIn bool // it is not read until someone signs in again
}

func progressOf(view connect.View) (progress []readingProgress, pending bool) {
	for _, page := range view.Outcome.Connected {
		shown, soon := readingProgress{ConnectedNow: page, Text: domain.SignInText(domain.StatusNotReadYet)}, true
		for _, reading := range view.Readings {
			switch {
			case reading.SocialAccountID != page.SocialAccountID:
			case reading.Status == domain.PageOK:
				shown.Text, soon = "read; its figures are available", false
			case reading.Status == domain.PageDisconnected:
				shown.Text, shown.Ended, soon = "no longer connected for "+view.Account, true, false
			case len(reading.Reasons) > 0:
				reason, at := reading.Reasons[0], page.PID
				shown.SignIn = reading.Status == domain.PageReconnect || reason.Code == domain.StatusPermission
				if shown.SignIn { // perhaps at another platform than the page
					at = view.Platform
				}
				shown.Text = reason.Text(domain.SignInText, domain.StatusNouns{Platform: at})
				soon = domain.StatusTextOf(reason.Code).Repeats &&
					(reading.Status == domain.PageFailing || reading.Status == domain.PageWaiting)
			}
		}
		pending = pending || soon
		progress = append(progress, shown)
	}
	return progress, pending
}
